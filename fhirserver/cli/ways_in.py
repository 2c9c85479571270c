"""What ``serve`` prints about how to come in: by login, by token, or by none of both."""

from fhirserver.app.preparing import DemoAccess
from fhirserver.settings import Auth, Settings
from fhirserver.smart.demo_clients import DemoClients
from fhirserver.smart.people.demo import DemoLogin


def ways_in(settings: Settings, access: DemoAccess | None, origin: str) -> str:
    """Return lines that can be followed as they stand."""
    if settings.auth is Auth.OFF:
        return f"  try         curl '{origin}/fhir/Patient?_count=2&_pretty=true'\n"
    lines = [f"  log in      {origin}/auth/login", f"  SMART       {origin}/fhir/.well-known/smart-configuration"]
    if access is None:
        lines.append("  clients     fhirserver client add FILE, people: fhirserver user add NAME")
    else:
        lines += ["", "The demo record lets these in:"]
        lines += [_login(login) for login in access.logins]
        lines += _clients(access.clients, origin) if access.clients is not None else []
    return "".join(f"{line}\n" for line in lines)


def _login(login: DemoLogin) -> str:
    person, password = login.person, login.password
    known = f"password `{password}`" if password is not None else "the password that was shown at the first start"
    return f"  {person.username:<14}{known}  ({person.name}, {person.fhir_user or 'no patient, no professional'})"


def _clients(clients: DemoClients, origin: str) -> list[str]:
    service = clients.service.client_id
    reads = """python3 -c 'import json,sys; print(json.load(sys.stdin)["access_token"])'"""
    return [
        f"  {clients.app.client_id}   a public app with PKCE; its code goes to {clients.app.redirect_uris[0]}",
        f"  {service}   a backend service; a token and a request:",
        f"    TOKEN=$(curl -s -u {service}:{clients.service_secret} -d grant_type=client_credentials \\",
        f"      -d 'scope=system/*.cruds' {origin}/auth/token | {reads})",
        f"    curl -H \"Authorization: Bearer $TOKEN\" '{origin}/fhir/Patient?_count=2&_pretty=true'",
    ]

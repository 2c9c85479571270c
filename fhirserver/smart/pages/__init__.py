"""Pages for people, rendered here, without scripts but for passkeys: login, pickers, consent, account, apps, stations.

In order of control flow: `router` (what is where), `view` (one request: its browser, session, language, answers),
`render` (templates and headers), `language`, `texts`, `forms`; pages: `login`, `finish`, `factors`, `upstream`,
`account`, `own_sessions`, `apps`, `pickers`, `consent`, `station`, `errors`; `questions` says scopes in words;
`contracts` is what the authorization server gives the pages; `admin` is the JSON API of administrators.
"""

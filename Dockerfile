# The server without a database: run it with FHIRSERVER_MONGODB_URI naming a MongoDB 7 or 8 replica set.
#
#   docker build -t fhirserver .
#   docker run -p 8080:8080 -e FHIRSERVER_MONGODB_URI=mongodb://… -e FHIRSERVER_SECRET_KEY=… \
#     -e FHIRSERVER_BASE_URL=https://fhir.example.org fhirserver
#
# FHIRSERVER_BASE_URL is the origin at which callers reach it, by which tokens are issued; see docs/settings.md.

FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements/build.lock requirements/build.lock
RUN python -m pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/build.lock
COPY . .
RUN python scripts/fetch_definitions \
 && python -m pip wheel --no-cache-dir --no-deps --no-build-isolation --no-index --wheel-dir /wheel .

FROM python:3.13-slim
ENV PYTHONUNBUFFERED=1 \
    FHIRSERVER_HOST=0.0.0.0 \
    FHIRSERVER_PORT=8080 \
    FHIRSERVER_DATA_DIR=/var/lib/fhirserver
RUN useradd --system --uid 10001 --create-home --home-dir "$FHIRSERVER_DATA_DIR" fhirserver
COPY requirements/run.lock /tmp/run.lock
RUN python -m pip install --no-cache-dir --require-hashes --only-binary :all: -r /tmp/run.lock
COPY --from=build /wheel /tmp/wheel
RUN python -m pip install --no-cache-dir --no-deps --no-index /tmp/wheel/fhirserver-*.whl
USER fhirserver
WORKDIR /var/lib/fhirserver
RUN python -m fhirserver.app.knowledge
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"FHIRSERVER_PORT\"]}/healthz', timeout=3)"]
ENTRYPOINT ["fhirserver"]
CMD ["serve"]

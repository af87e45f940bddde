# The gateway as a container: what docs/deploy-container.md describes. Built and checked by tests/container.
# BASE: python:3.13-slim, or something with Python 3.11 to 3.14 and venv in its place (scripts/image makes one where
# there is no registry).
ARG BASE=docker.io/library/python:3.13-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
WORKDIR /build
# Locked packages first: this layer is made again only when a lock changes. Wheels only: nothing is compiled here.
COPY requirements/build.txt requirements/redis.txt requirements/
RUN python -m venv tools \
    && python -m venv --without-pip /opt/gateway \
    && tools/bin/pip install --quiet --require-hashes --only-binary :all: -r requirements/build.txt \
    && tools/bin/pip --python /opt/gateway/bin/python install --quiet --require-hashes --only-binary :all: \
        -r requirements/redis.txt
COPY LICENSE README.md pyproject.toml ./
COPY gateway gateway
# A wheel, because installing one gives every file the same modes, whatever the umask of the checkout was.
RUN tools/bin/pip wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir wheels . \
    && tools/bin/pip --python /opt/gateway/bin/python install --quiet --no-index --no-deps wheels/*.whl

FROM ${BASE}
LABEL org.opencontainers.image.title="cognito-edge-gateway" org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/gateway /opt/gateway
ENV PATH=/opt/gateway/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin PYTHONDONTWRITEBYTECODE=1
# Empty. A policy file mounted here is named without its path: GATEWAY_POLICY=policy.toml.
WORKDIR /srv
# A number, so that an orchestrator can tell that it is not root. It owns nothing and can write nothing.
USER 65532:65532
EXPOSE 8080
# SIGTERM drains: requests under way get 10 seconds, then their audit lines and what other replicas must know are written.
# The time to stop must be longer than 13 seconds: docker run --stop-timeout 15, Compose stop_grace_period: 15s; Kubernetes waits 30 seconds by itself.
STOPSIGNAL SIGTERM
# -I -S: Python alone, whatever is mounted into the working folder.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-I", "-S", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8080, timeout=2); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
# The exec form: the gateway itself is process 1 and gets the signal. The options, because an .env that was written for
# a laptop may say otherwise.
CMD ["gateway", "serve", "--host", "0.0.0.0", "--port", "8080"]

# The image runs every command of `videobroker`; without arguments, the service. It keeps nothing: DATABASE_URL and
# VIDEOBROKER_SECRET_KEY come from the environment.
ARG PYTHON_VERSION=3.12

FROM python:${PYTHON_VERSION}-slim AS builder
WORKDIR /build
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY migrations migrations
COPY src src
# Only the locked packages, each with a known hash.
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip wheel --no-deps --wheel-dir wheels . \
    && python -m venv --without-pip /opt/videobroker \
    && python -m pip --python /opt/videobroker/bin/python install --require-hashes --no-deps --requirement requirements.lock \
    && python -m pip --python /opt/videobroker/bin/python install --no-deps wheels/*.whl

FROM python:${PYTHON_VERSION}-slim
LABEL org.opencontainers.image.title="videobroker" \
      org.opencontainers.image.description="Brokers video rooms: checks access and issues join credentials for 100ms and Agora." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
# The directory is the mount point for a volume, which only the demo needs (VIDEOBROKER_DATA_DIR).
RUN groupadd --gid 10001 videobroker \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin videobroker \
    && install --directory --mode 0700 --owner 10001 --group 10001 /var/lib/videobroker
COPY --from=builder /opt/videobroker /opt/videobroker
ENV PATH=/opt/videobroker/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8080
# Not writable for the service: a generated secret key would be lost with the container, and with it every account
# encrypted with it. Set VIDEOBROKER_SECRET_KEY.
WORKDIR /srv/videobroker
# By number, so that an orchestrator can see that it is not root.
USER 10001:10001
EXPOSE 8080
# Without the proxy from the environment: the request stays inside of the container.
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; web.build_opener(web.ProxyHandler({})).open(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=2)"]
ENTRYPOINT ["videobroker"]
CMD ["serve"]

# A node: `docker build -t lightmail .`, then `docker run lightmail serve`. docs/production.md has the configuration.

FROM rust:1-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
# At the place where it will be used: the paths of a virtual environment are absolute.
RUN python3 -m venv /opt/lightmail
ENV PATH=/opt/lightmail/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock
COPY Cargo.toml Cargo.lock pyproject.toml README.md LICENSE ./
COPY rust rust
COPY python python
RUN maturin build --release --locked --out dist \
    && pip install --no-deps --no-index dist/*.whl \
    && pip uninstall -y maturin

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --user-group --uid 10001 --home-dir /var/lib/lightmail --no-create-home lightmail \
    && install -d -o lightmail -g lightmail -m 0700 /var/lib/lightmail /etc/lightmail
COPY --from=build /opt/lightmail /opt/lightmail
ENV PATH=/opt/lightmail/bin:$PATH \
    LIGHTMAIL_SERVER__DATA=/var/lib/lightmail \
    LIGHTMAIL_IMAP__LISTEN=0.0.0.0:1143,tls://0.0.0.0:1993 \
    LIGHTMAIL_LMTP__LISTEN=0.0.0.0:2424,unix://lmtp.sock
USER lightmail
WORKDIR /var/lib/lightmail
VOLUME /var/lib/lightmail
EXPOSE 1143 1993 2424
HEALTHCHECK --interval=10s --timeout=5s --start-period=90s \
    CMD ["python3", "-c", "import socket; assert socket.create_connection(('127.0.0.1', 1143), 4).recv(4) == b'* OK'"]
ENTRYPOINT ["lightmail"]
CMD ["serve"]

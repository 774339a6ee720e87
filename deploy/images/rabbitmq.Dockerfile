# RabbitMQ of Debian 13, for a Kubernetes to try the gateway on: not root, root file system read-only, data and cookie in
# /var/lib/rabbitmq. Production uses the RabbitMQ operator's cluster.
FROM debian:13-slim
RUN groupadd --system --gid 10002 rabbitmq \
 && useradd --system --uid 10002 --gid 10002 --no-log-init --home-dir /var/lib/rabbitmq --shell /usr/sbin/nologin rabbitmq \
 && apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends rabbitmq-server \
 && rm -rf /var/lib/apt/lists /var/cache/apt /var/cache/ldconfig /var/log/* /var/lib/rabbitmq/* /var/lib/rabbitmq/.erlang.cookie \
      /var/cache/debconf/*-old /var/lib/dpkg/*-old \
 && mkdir -p /etc/rabbitmq/conf.d \
 && printf '[rabbitmq_management,rabbitmq_prometheus].\n' >/etc/rabbitmq/enabled_plugins \
 && chown -R 10002:10002 /var/lib/rabbitmq
# The server's files are in the data folder; logs go to standard output.
ENV HOME=/var/lib/rabbitmq RABBITMQ_LOGS=- RABBITMQ_MNESIA_BASE=/var/lib/rabbitmq/mnesia RABBITMQ_LOG_BASE=/tmp \
    RABBITMQ_PID_FILE=/tmp/rabbitmq.pid RABBITMQ_ENABLED_PLUGINS_FILE=/etc/rabbitmq/enabled_plugins LANG=C.UTF-8
USER 10002:10002
EXPOSE 5672 15672 15692
VOLUME ["/var/lib/rabbitmq"]
ENTRYPOINT ["/usr/lib/rabbitmq/bin/rabbitmq-server"]

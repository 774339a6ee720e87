# The WhatsApp simulator for a Kubernetes to try the gateway on: the gateway's image with tools/simulator. Not for production.
ARG GATEWAY=whatsapp-gateway:local
FROM ${GATEWAY}
COPY tools/simulator tools/simulator
ENV GATEWAY_SIMULATOR_HOST=0.0.0.0 GATEWAY_SIMULATOR_PORT=8100
EXPOSE 8100
CMD ["tools.simulator"]

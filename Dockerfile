# An image with one executable in it. Build it with a release made by .ci/release beside this file:
#
#   docker build --build-arg RELEASE=target/releases/glb-optimizer-0.1.0-x86_64-unknown-linux-gnu.tar.gz -t glb-optimizer .
#   docker run -p 5000:5000 -v glb-optimizer:/data --stop-timeout 15 glb-optimizer
#
# The base holds glibc and the certificates of authorities, and neither a shell nor a package manager.
FROM debian:bookworm-slim AS unpacked
ARG RELEASE
ADD ${RELEASE} /release/
RUN mkdir -p /image/data && cp /release/*/bin/glb-optimizer /image/ && chown -R 65532:65532 /image/data

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=unpacked /image /
ENV HOST=0.0.0.0 PORT=5000 DATA_DIR=/data
VOLUME /data
EXPOSE 5000
# The server takes at most 9 seconds to stop; docker kills after 10.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s CMD ["/glb-optimizer", "health"]
ENTRYPOINT ["/glb-optimizer"]
CMD ["serve"]

# The load generator alone, on nothing. Build with the context that build/images prepares.
FROM scratch
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY upsurge /upsurge
USER 65532:65532
ENTRYPOINT ["/upsurge"]

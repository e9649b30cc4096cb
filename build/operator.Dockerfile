# The operator alone, on nothing. Build with the context that build/images prepares.
FROM scratch
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY upsurge-operator /upsurge-operator
USER 65532:65532
ENTRYPOINT ["/upsurge-operator"]

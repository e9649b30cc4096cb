# SPDX-License-Identifier: Apache-2.0
# The operator alone, on nothing, from the binary that build/images has compiled. From the source alone: build/Dockerfile.
FROM scratch
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY upsurge-operator /upsurge-operator
USER 65532:65532
ENTRYPOINT ["/upsurge-operator"]

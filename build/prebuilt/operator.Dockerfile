# SPDX-License-Identifier: Apache-2.0
# The operator alone, on nothing, from the binary that build/images has compiled. From the source alone: build/Dockerfile.
FROM scratch
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY upsurge-operator /upsurge-operator
USER 65532:65532
# Huge pages would let what thousands of runs leave behind fill a quarter more memory, and bring no speed here.
ENV MIMALLOC_ALLOW_THP=0
ENTRYPOINT ["/upsurge-operator"]

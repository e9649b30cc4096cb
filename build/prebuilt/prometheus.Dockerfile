# SPDX-License-Identifier: Apache-2.0
# Debian's Prometheus with the libraries it needs, for the end-to-end tests.
# It wants its configuration at /etc/prometheus/prometheus.yml and a volume it may write at /prometheus.
FROM scratch
COPY prometheus-root/ /
USER 65532:65532
ENTRYPOINT ["/usr/bin/prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus", "--web.listen-address=:9090"]

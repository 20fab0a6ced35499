"""The bus: CloudEvents on Kafka, consumed in transactional batches and published by an ordered relay."""

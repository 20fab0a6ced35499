"""Each service's PostgreSQL: engine, the kernel's tables, migrations, and how aggregates are kept."""

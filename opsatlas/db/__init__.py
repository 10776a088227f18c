"""Database ground: engine, transactions, base model, migrations. The dialects differ here only."""

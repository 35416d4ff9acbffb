"""A case from files to a signed report: exhibits that never change, a hash-chained ledger, signed results."""

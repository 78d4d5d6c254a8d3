"""Types of the payloads (`data`) that we read. Unknown fields are ignored; what we use is checked."""

"""Tools for the tests of a method: golden cases, README examples, the behaviour all commands share."""

"""What tests of a method are written with: golden cases, README examples, the behaviour all commands share."""

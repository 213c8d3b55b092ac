# The README asks for confirmation on a terminal, which a test does not have.
rbtoken() { command rbtoken --yes "$@"; }
rbtoken --create --location tokens.db token create alice --expires 2020-01-31

# The page's commands are given in a checkout, and then with a location in the environment.
make() { command make -C "$CHECKOUT" "$@"; }
export RBTOKEN_LOCATION=$PWD/tokens.db

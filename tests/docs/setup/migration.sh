# A store with a token.
rbtoken --create --location tokens.db token create alice

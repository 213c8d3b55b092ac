# A store with a token of the client RBTools.
rbtoken --create --location tokens.db token client alice RBTools

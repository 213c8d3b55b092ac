package rbtoken

var functions = []string{}

module rbtoken.example/walk

go 1.19

require rbtoken.example/rbtoken v0.0.0

replace rbtoken.example/rbtoken => ../../bindings/go

module rbtoken.example/rbtoken

go 1.19

module rbtoken.example/walk

go 1.19

//! Macros for tests that run on each database of a Review Board site.

/// Defines tests for a database in a module, if the library has the feature for it.
macro_rules! on_database {
    ($feature:literal $module:ident $database:literal $($test:ident)*) => {
        #[cfg(feature = $feature)]
        mod $module {
            $(
                #[test]
                #[ignore = "needs Review Board"]
                fn $test() { super::on($database, super::$test); }
            )*
        }
    };
}

/// Defines tests for each database; those after the `;` only for servers.
macro_rules! on_each_database {
    ($($test:ident)*; $($of_server:ident)*) => {
        on_database! { "sqlite" on_sqlite "sqlite" $($test)* }
        on_database! { "postgres" on_postgresql "postgresql" $($test)* $($of_server)* }
        on_database! { "mysql" on_mysql "mysql" $($test)* $($of_server)* }
    };
}

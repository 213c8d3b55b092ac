//! A host that sends a store's statements through a bare driver and discards the results. Each
//! thread has a connection.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use mysql_async::prelude::Queryable;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::{ToSql, Type};

/// A kind of server.
#[derive(Clone, Copy, PartialEq)]
pub enum Server {
    Postgres,
    Mysql,
}

impl Server {
    pub const ALL: [Self; 2] = [Self::Postgres, Self::Mysql];

    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Mysql => "MariaDB",
        }
    }

    /// Returns the folder of its site.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::Mysql => "mysql",
        }
    }

    /// Returns its statements.
    pub fn operations(self) -> Result<Operations> {
        Operations::parse(match self {
            Self::Postgres => include_str!("statements/postgresql.sql"),
            Self::Mysql => include_str!("statements/mysql.sql"),
        })
    }
}

/// The statements of each operation.
pub struct Operations(HashMap<String, Vec<Statement>>);

/// A statement, and the names of its parameters in order.
struct Statement {
    numbered: String,
    marked: String,
    names: Vec<String>,
}

impl Operations {
    fn parse(text: &str) -> Result<Self> {
        let mut operations = HashMap::new();
        for section in text.split("-- operation: ").skip(1) {
            let (name, body) = section.split_once('\n').context("an operation has statements")?;
            let statements = body.split(';').map(str::trim).filter(|it| !it.is_empty());
            operations.insert(name.trim().to_owned(), statements.map(Statement::parse).collect());
        }
        Ok(Self(operations))
    }
}

impl Statement {
    /// Parses `:name` as a parameter, and leaves the `::` of a cast.
    fn parse(text: &str) -> Self {
        let mut this = Self { numbered: String::new(), marked: String::new(), names: Vec::new() };
        let mut parts = text.split(':');
        this.add(parts.next().unwrap_or_default());
        while let Some(part) = parts.next() {
            let is_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            let (name, rest) = part.split_at(part.bytes().take_while(|it| is_name(*it)).count());
            if name.is_empty() {
                this.add("::");
                this.add(parts.next().unwrap_or_default());
                continue;
            }
            this.names.push(name.to_owned());
            this.numbered += &format!("${}", this.names.len());
            this.marked.push('?');
            this.add(rest);
        }
        this
    }

    fn add(&mut self, text: &str) {
        self.numbered += text;
        self.marked += text;
    }

    /// Returns whether the statement is sent unprepared, without parameters or rows.
    fn is_plain(&self) -> bool {
        ["BEGIN", "COMMIT"].contains(&self.numbered.as_str())
    }
}

/// Values by parameter name.
#[derive(Default)]
pub struct Values {
    texts: HashMap<&'static str, String>,
    numbers: HashMap<String, i64>,
}

impl Values {
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.texts.insert(name, value.into());
        self
    }
}

/// A connection that runs on the calling thread.
pub struct Connection {
    runtime: Runtime,
    driver: Driver,
}

enum Driver {
    Postgres {
        client: tokio_postgres::Client,
        prepared: HashMap<String, tokio_postgres::Statement>,
    },
    Mysql {
        connection: mysql_async::Conn,
        /// By their text, since the driver's own cache parses the text at each call.
        prepared: HashMap<String, mysql_async::Statement>,
    },
}

impl Connection {
    pub fn open(server: Server, location: &str) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let driver = runtime.block_on(async {
            Ok::<_, anyhow::Error>(match server {
                Server::Postgres => {
                    let (client, connection) =
                        tokio_postgres::connect(location, tokio_postgres::NoTls).await?;
                    tokio::spawn(connection);
                    Driver::Postgres { client, prepared: HashMap::new() }
                }
                Server::Mysql => {
                    // Like ours, by the address that it is given: the driver would look for the
                    // socket of a server on this machine.
                    let options =
                        mysql_async::OptsBuilder::from_opts(mysql_async::Opts::from_url(location)?);
                    let connection = mysql_async::Conn::new(options.prefer_socket(false)).await?;
                    Driver::Mysql { connection, prepared: HashMap::new() }
                }
            })
        });
        Ok(Self { driver: driver.context(location.to_owned())?, runtime })
    }

    /// Runs statements without parameters.
    pub fn batch(&mut self, statements: &[String]) -> Result<()> {
        for statement in statements {
            let ran = match &mut self.driver {
                Driver::Postgres { client, .. } => {
                    self.runtime.block_on(client.batch_execute(statement)).map_err(Into::into)
                }
                Driver::Mysql { connection, .. } => self
                    .runtime
                    .block_on(connection.query_drop(statement))
                    .map_err(anyhow::Error::from),
            };
            ran.context(statement.clone())?;
        }
        Ok(())
    }

    /// Runs a query for an integer.
    pub fn number(&mut self, question: &str) -> Result<i64> {
        match &mut self.driver {
            Driver::Postgres { client, .. } => {
                let row = self.runtime.block_on(client.query_one(question, &[]))?;
                Ok(row.try_get(0)?)
            }
            Driver::Mysql { connection, .. } => {
                let number = self.runtime.block_on(connection.query_first(question))?;
                number.context("no row")
            }
        }
    }

    /// Runs operations one after the other and returns the total number of rows.
    pub fn run(
        &mut self,
        operations: &Operations,
        names: &[&str],
        values: Values,
    ) -> Result<usize> {
        let mut statements = Vec::new();
        for name in names {
            statements.extend(operations.0.get(*name).context("there is such an operation")?);
        }
        match &mut self.driver {
            Driver::Postgres { client, prepared } => {
                self.runtime.block_on(on_postgres(client, prepared, &statements, values))
            }
            Driver::Mysql { connection, prepared } => {
                self.runtime.block_on(on_mysql(connection, prepared, &statements, values))
            }
        }
    }
}

async fn on_postgres(
    client: &tokio_postgres::Client,
    prepared: &mut HashMap<String, tokio_postgres::Statement>,
    statements: &[&Statement],
    mut values: Values,
) -> Result<usize> {
    let mut count = 0;
    for statement in statements {
        if statement.is_plain() {
            client.batch_execute(&statement.numbered).await?;
            continue;
        }
        if !prepared.contains_key(&statement.numbered) {
            let new = client.prepare(&statement.numbered).await?;
            prepared.insert(statement.numbered.clone(), new);
        }
        let mut params: Vec<&(dyn ToSql + Sync)> = Vec::new();
        for name in &statement.names {
            match (values.texts.get(name.as_str()), values.numbers.get(name)) {
                (Some(text), _) => params.push(text),
                (None, Some(number)) => params.push(number),
                (None, None) => bail!("no value for {name}"),
            }
        }
        let rows = client.query(&prepared[&statement.numbered], &params).await?;
        count += rows.len();
        if let Some(row) = rows.first()
            && let column = &row.columns()[0]
            && *column.type_() == Type::INT8
        {
            values.numbers.insert(column.name().to_owned(), row.try_get(0)?);
        }
    }
    Ok(count)
}

async fn on_mysql(
    connection: &mut mysql_async::Conn,
    prepared: &mut HashMap<String, mysql_async::Statement>,
    statements: &[&Statement],
    mut values: Values,
) -> Result<usize> {
    let mut count = 0;
    for statement in statements {
        if statement.is_plain() {
            connection.query_drop(&statement.marked).await?;
            continue;
        }
        if !prepared.contains_key(&statement.marked) {
            let new = connection.prep(&statement.marked).await?;
            prepared.insert(statement.marked.clone(), new);
        }
        let mut params: Vec<mysql_async::Value> = Vec::new();
        for name in &statement.names {
            match (values.texts.get(name.as_str()), values.numbers.get(name)) {
                (Some(text), _) => params.push(text.as_str().into()),
                (None, Some(number)) => params.push((*number).into()),
                (None, None) => bail!("no value for {name}"),
            }
        }
        let params = if params.is_empty() {
            mysql_async::Params::Empty
        } else {
            mysql_async::Params::Positional(params)
        };
        let rows: Vec<mysql_async::Row> =
            connection.exec(&prepared[&statement.marked], params).await?;
        count += rows.len();
        if let Some(row) = rows.first()
            && let Some(Ok(number)) = row.get_opt::<i64, _>(0)
        {
            values.numbers.insert(row.columns_ref()[0].name_str().into_owned(), number);
        }
    }
    Ok(count)
}

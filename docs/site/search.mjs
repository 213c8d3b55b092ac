// Asks the search of a site for every public name, and questions of readers. Fails if an expected
// page is not among the first results. The names are read from the sources in ROOT.
//
//     node docs/site/search.mjs SITE ROOT
//     node docs/site/search.mjs SITE ROOT QUERY      prints the results of a query
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import vm from 'node:vm';

const [site, root, question] = process.argv.slice(2);
const read = (...path) => readFileSync(join(root, ...path), 'utf8');
const all = (string, pattern) => [...string.matchAll(pattern)].map((match) => match[1]);

// The scripts that a page loads, and the index.
const context = vm.createContext({ search: {} });
context.window = context;
for (const script of ['elasticlunr.min.js', 'exact.js', 'searchindex.js']) {
    vm.runInContext(readFileSync(join(site, script), 'utf8'), context, { filename: script });
}
const { index, search_options: options, doc_urls: urls } = context.search;
const loaded = context.elasticlunr.Index.load(index);
const results = (query) => loaded.search(query, options)
    .map(({ ref, doc }) => ({ url: urls[ref], title: doc.title, shown: doc.breadcrumbs }));

if (question !== undefined) {
    for (const { url, shown } of results(question).slice(0, 10)) console.log(`${shown.replace(/<[^>]*>/g, '')}\n    ${url}`);
    process.exit();
}

// Each query, with where one of its first results must be.
const expected = [];
const C = /^reference\/c\//;
const GUIDE = /^(?!reference\/)/;
function expect(kind, queries, where, first) {
    if (queries.length === 0) throw new Error(`no ${kind} was found in the sources`);
    for (const query of new Set(queries)) expected.push({ kind, query, where, first });
}

// C: functions, types, macros and constants. A guide explains each status and verdict as well.
const comments = /\/\*[\s\S]*?\*\//g;
const extension = read('include/rbtoken_extension.h');
const c = (read('include/rbtoken.h') + extension).replace(comments, '');
expect('function', all(c, /^(?:RBTOKEN_API|static inline)\b[^;{]*?\b(rbtoken_\w+)\(/gm), C, 1);
expect('type', [...all(c, /^\} (rbtoken_\w+);/gm), ...all(c, /^typedef [\w ]+? (rbtoken_\w+);/gm),
    ...all(c, /^typedef [^;{]*?\(\*(rbtoken_\w+)\)/gm)], C, 1);
expect('macro', all(c, /^ *# *define (RBTOKEN_(?!H\b|EXTENSION_H\b)\w+)/gm), C, 1);
expect('constant', all(c, /^ {2}(RBTOKEN_\w+) = /gm), C, 1);
expect('status', all(c, /^ {2}(RBTOKEN_(?:OK|E_\w+)) = /gm), GUIDE, 3);
expect('verdict', all(c, /^ {2}(RBTOKEN_VERDICT_\w+) = /gm), GUIDE, 3);

// The tables for plugin hosts, and their functions.
expect('interface', all(extension, /Interface `([^`]+)`/g), C, 3);
const tables = [...c.matchAll(/^typedef struct \w+ \{\n([^}]*)\} (\w+_v1_t);/gm)];
expect('table function', tables.flatMap(([, members, table]) =>
    all(members, /\(\*(\w+)\)\(/g).map((name) => `${table}::${name}`)), C, 1);

// C++: classes, and their public methods, which are indented by four columns.
const cpp = read('include/rbtoken.hpp').replace(comments, '')
    .replace(/^namespace detail \{[\s\S]*?^\} \/\/ namespace detail/gm, '');
const classes = [...cpp.matchAll(
    /^(?:class|struct) (?:\[\[nodiscard\]\] )?(\w+)[^;{]*\{\n([\s\S]*?)^\};/gm)];
expect('class', classes.map(([, name]) => `rbtoken::${name}`), C, 1);
expect('method', classes.flatMap(([, name, body]) => {
    const open = body.replace(/^(?:private|protected):[\s\S]*?(?=^public:|(?![\s\S]))/gm, '');
    return all(open, /^ {4}(?!return )(?:[\w:<>*&,[\]]+ )+[*&]?(?!bool|operator)([a-z]\w*)\((?!.*= delete)/gm)
        .map((method) => `${name}::${method}`);
}), C, 1);

// What the guides explain.
const settings = JSON.parse(read('src/store/settings.schema.json')).properties;
expect('setting', Object.keys(settings), GUIDE, 1);
const features = read('Cargo.toml').match(/^\[features\]\n([\s\S]*?)^\[/m)[1];
expect('feature', all(features, /^(?!default)(\w+) = /gm), GUIDE, 1);

/** Returns the sources in folders, without their tests. */
const sources = (...folders) => folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, name)))
    .filter((name) => !/test|node_modules/.test(name) && statSync(join(root, name)).isFile())
    .map((name) => read(name));
const bindings = ['python/src', 'node/src', 'node/native/src', 'go', 'java/src/main',
    'reviewboard/src'].map((name) => `bindings/${name}`);
const readers = sources('src', 'cli', 'examples/gateway', ...bindings)
    .filter((source) => /\bvar_os|env::var|environ|process\.env|getenv|Getenv|LookupEnv/.test(source));
expect('environment variable',
    readers.flatMap((source) => all(source, /(?<!value_name = )"([A-Z][A-Z_]{3,})"/g)), GUIDE, 1);

const install = read('packaging/install.mk');
const list = (name) => install.match(new RegExp(`^${name} =[\\s\\S]*?[^\\\\]\\n`, 'm'))[0]
    .replace(/^\w+ =/, '').replace(/\$\((?:DESTDIR|\w+DIR)\)/g, '').replace(/\$\(patsubst|[%']/g, '');
expect('installed file', [
    ...all(read('tests/it/install.rs').match(/FILES[^;]*;/)[0], /([^"/]+)",/g),
    ...all(list('gateway_files') + list('cli_files'), /([\w*.-]*\w{3}[\w*.-]*)/g),
].map((name) => name.replace(/\.VERSION$|-\*(?=\.1$)/, '')), GUIDE, 3);
expect('file of a store',
    all(read('src/backend/durable/side_files.rs'), /const \w+: &str = "-([^"]+)"/g), GUIDE, 3);

// Questions of readers.
for (const [query, where] of [
    ['revoke everything of one client on MariaDB', /^operations\.html/],
    ['why is my login WRONG_SITE', /^troubleshooting\.html/],
    ['load it from a plugin host', /^plugins\.html/],
    ['rotate a token before it expires', /^operations\.html/],
    ['what happens after a crash', /^files\.html/],
    ['which status means try again', /^errors\.html/],
    ['share with Review Board on SQLite', /^sqlite\.html/],
    ['back up a store in use', /^operations\.html/],
    ['delete old tokens each night', /^operations\.html/],
    ['use it after fork', /^threads\.html/],
    ['share with review board sqlite', /^sqlite\.html/],
    ['backup store in use', /^operations\.html/],
    ['who can read token values', /^security\.html/],
    ['read only policy', /^concepts\.html/],
    ['pgbouncer', /^databases\.html/],
    ['debian packages', /^packages\.html/],
    ['conan', /^packages\.html/],
    ['link statically', /^packages\.html/],
    ['backup', /^operations\.html/],
    ['export', /^migration\.html/],
    ['timeout', /^databases\.html/],
    ['policy', /^concepts\.html/],
    ['fork', /^threads\.html/],
    ['E_TIMEOUT', /^errors\.html/],
    ['E_LOCKED', /^errors\.html/],
]) expect('question', [query], where, 3);

let missing = 0;
for (const { kind, query, where, first } of expected) {
    const found = results(query);
    // A page that only mentions a name does not count as its reference.
    const names = ({ title }) => title.toLowerCase().split(' ').includes(query.toLowerCase());
    const isExpected = (result) =>
        where.test(result.url) && (where !== C || kind === 'interface' || names(result));
    if (found.slice(0, first).some(isExpected)) continue;
    missing += 1;
    const urls = found.slice(0, 3).map(({ url }) => url).join(', ');
    console.log(`${kind} ${query}: not found at ${where} among the first ${first}: ${urls}`);
}
const count = (kind) => expected.filter((it) => it.kind === kind).length;
console.log([...new Set(expected.map(({ kind }) => kind))].map((kind) => `${kind}: ${count(kind)}`)
    .join(', '));
console.log(`search: ${expected.length} names, ${missing} missing`);
process.exitCode = missing === 0 ? 0 : 1;

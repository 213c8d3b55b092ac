// Completes a site that docs/site/build has built:
//
//     node docs/site/index.mjs SITE DOXYGEN_XML
//
// - Adds the names in all references, and in the first cells of the guides' tables, to the search
//   index of mdBook, and an anchor to each such row.
// - Keeps names in tables whole, or breaks them after `_`.
// - Adds a link to the front page, and a search box, to each page of a reference.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import vm from 'node:vm';

const [site, xml] = process.argv.slice(2);
const read = (...path) => readFileSync(join(...path), 'utf8');

const entities = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };
/** Returns the text of HTML or XML. */
const text = (markup) => (markup ?? '').replace(/<[^>]*>/g, '')
    .replace(/&#x([0-9a-f]+);/gi, (_, code) => String.fromCodePoint(parseInt(code, 16)))
    .replace(/&#([0-9]+);/g, (_, code) => String.fromCodePoint(Number(code)))
    .replace(/&([a-z]+);/g, (all, name) => entities[name] ?? all)
    .replace(/\s+/g, ' ').trim();
const escape = (plain) => plain.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
/** Returns the first sentence of what a pattern captures in HTML or XML. */
function sentence(markup, pattern) {
    const plain = text(markup.match(pattern)?.[1]);
    return plain.match(/^.*?\.(?= |$)/)?.[0] ?? plain.slice(0, 200);
}
/** Returns the HTML files below a folder, relative to the site. */
const pages = (folder) => readdirSync(join(site, folder), { recursive: true })
    .filter((name) => name.endsWith('.html')).map((name) => join(folder, name)).sort();
/** Splits HTML before each match of a pattern: returns the matches, and the HTML after each. */
function split(html, pattern) {
    const found = [...html.matchAll(pattern)];
    return found.map((match, i) => [match, html.slice(match.index, found[i + 1]?.index)]);
}

// mdBook's script assigns the index to window.search.
const context = vm.createContext({ window: { search: {} } });
vm.runInContext(read(site, 'searchindex.js'), context);
const search = context.window.search;

// The order of results with the same exact name: see exact.js.
const RANKS = { C: 0, guide: 1, 'C++': 2, Rust: 4 };
// Pages about the project, whose long sections mention everything.
const isLate = (url) => /^(architecture|benchmarks|changelog|checks|instructions)\.html/.test(url);
for (const [id, doc] of Object.entries(search.index.documentStore.docs)) {
    const late = isLate(search.doc_urls[id]);
    Object.assign(doc, { names: [doc.title.toLowerCase()], rank: late ? 5 : 1, kind: 'guide',
        late, section: !late });
}
const entries = [];
const added = new Set();

/** Adds an entry. A query for one of its names finds it first; the first name is shown. */
function add(where, names, url, body, breadcrumb = where) {
    // Doxygen describes a member of a group once more with its file.
    if (added.has(url)) return;
    added.add(url);
    const short = names.map((name) => name.replace(/^rbtoken_/i, ''));
    const parts = (name) => [...name.split(/::|\./),
        ...name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').split(/[^A-Za-z0-9]+/)];
    const words = new Set([...names, ...short, ...names.flatMap(parts)].filter(Boolean));
    entries.push({
        names: names.map((name) => name.toLowerCase()),
        short: short.map((name) => name.toLowerCase()),
        rank: isLate(url) ? 5 : RANKS[where] ?? 3,
        kind: where,
        late: isLate(url),
        title: [...words].join(' '),
        body: body || names[0],
        breadcrumbs: `${escape(names[0])} » ${escape(breadcrumb)}`,
        url,
    });
}

// Doxygen: a file for each page. An id is that of the page, `_1` and the anchor.
const doxygenURL = (id) => `reference/c/${id.replace(/_1(g{0,2}a[a-f0-9]{32,})$/, '.html#$1')}`;
const brief = (markup) => sentence(markup, /<briefdescription>([\s\S]*?)<\/briefdescription>/)
    || sentence(markup, /<detaileddescription>([\s\S]*?)<\/detaileddescription>/);
for (const file of readdirSync(xml)) {
    const compound = read(xml, file)
        .match(/<compounddef id="([^"]+)" kind="(struct|class|group|file|namespace)"[\s\S]*/);
    if (compound === null) continue;
    const [whole, page, kind] = compound;
    // Sources of Doxygen's own pages, and the namespace std, have none.
    if (!existsSync(join(site, 'reference/c', `${page}.html`))) continue;
    const owner = text(whole.match(/<compoundname>(.*?)<\/compoundname>/)[1].replace(/&lt;.*/, ''));
    const language = /^rbtoken(::.*|\.hpp)?$/.test(owner) ? 'C++' : 'C';
    const isNamespace = kind === 'namespace';
    // The description of a page comes after its members.
    const end = whole.slice(Math.max(whole.lastIndexOf('</sectiondef>'), 0));
    const title = text(whole.match(/<\/compoundname>\s*<title>(.*?)<\/title>/)?.[1]);
    const names = kind === 'group' ? [title] : [owner.replace(/^rbtoken::/, ''), owner];
    // A table of functions has a name of its own, such as rbtoken.store/1.
    const description = brief(end);
    const table = description.match(/^Interface (\S+\/\d+)/)?.[1] ?? [];
    add(language, isNamespace ? [owner] : names.concat(table), `reference/c/${page}.html`,
        description);

    const members = /<memberdef kind="\w+" id="([^"]+)" prot="public"[\s\S]*?<\/memberdef>/g;
    for (const [markup, id] of whole.matchAll(members)) {
        const name = text(markup.match(/<name>(.*?)<\/name>/)?.[1]);
        const scope = kind === 'struct' || kind === 'class' ? `${owner}::`
            : language === 'C++' ? 'rbtoken::' : '';
        const named = (...path) => [...new Set([
            (scope + path.join('::')).replace(/^rbtoken::/, ''), scope + path.join('::')])];
        const values = /<enumvalue id="([^"]+)"[\s\S]*?<\/enumvalue>/g;
        for (const [value, valueID] of markup.matchAll(values)) {
            const valueName = text(value.match(/<name>(.*?)<\/name>/)[1]);
            add(language, scope === '' ? [valueName] : named(name, valueName), doxygenURL(valueID),
                brief(value));
        }
        const own = markup.replace(/<enumvalue[\s\S]*<\/enumvalue>/, '');
        if (/^\w/.test(name)) add(language, named(name), doxygenURL(id), brief(own));
    }
}

// rustdoc: a page for each item, with anchors for its methods, variants and fields. The modules
// `ffi` and `extension` are the C ABI, which the C reference documents.
for (const page of pages('reference/rust/rbtoken')) {
    const item = page.match(/rbtoken\/(?:(.*)\/)?(?:struct|enum|trait|fn|type|constant)\.(\w+)\.html$/);
    if (item === null || /^(ffi|extension)\b/.test(item[1] ?? '')) continue;
    const path = ['rbtoken', ...(item[1]?.split('/') ?? []), item[2]].join('::');
    const [html] = read(site, page).split('id="trait-implementations"');
    const docblock = /<div class="docblock">([\s\S]*?)<\/div>/;
    const anchors = /id="((?:method|tymethod|variant|structfield)\.(\w+))"/g;
    add('Rust', [item[2], path], page, sentence(html, docblock));
    for (const [[, anchor, name], markup] of split(html, anchors)) {
        add('Rust', [`${item[2]}::${name}`, `${path}::${name}`], `${page}#${anchor}`,
            sentence(markup, docblock));
    }
}

// pdoc: a page for each module.
for (const page of pages('reference/python')) {
    const module = page.replace(/^reference\/python\/|\.html$/g, '').replaceAll('/', '.');
    for (const [[, name], markup] of split(read(site, page), /<(?:section|div) id="([\w.]+)"/g)) {
        if (name.endsWith('.__init__')) continue;
        add('Python', [name, `${module}.${name}`], `${page}#${name}`,
            sentence(markup, /<div class="docstring">([\s\S]*?)<\/div>/));
    }
}

// TypeDoc: a page for each class, interface, function and so on.
for (const page of pages('reference/node')) {
    const item = page.match(/\/(?:classes|interfaces|functions|enums|types|variables)\/(\w+)\.html$/);
    if (item === null) continue;
    const html = read(site, page);
    const comment = /<div class="tsd-comment[^>]*>([\s\S]*?)<\/div>/;
    add('Node.js', [item[1]], page, sentence(html, comment));
    for (const [[, anchor], markup] of split(html, /<a id="([^"]+)" class="tsd-anchor"/g)) {
        const name = text(markup.match(/<h3[^>]*>([\s\S]*?)<\/h3>/)?.[1]).match(/[\w$]+$/)?.[0];
        if (name === undefined || !markup.includes('tsd-panel')) continue;
        add('Node.js', [`${item[1]}.${name}`], `${page}#${anchor}`, sentence(markup, comment));
    }
}

// Javadoc: the list of its own search, and a page for each type.
const javadoc = (file) => JSON.parse(read(site, 'reference/java', file).match(/\[[\s\S]*\]/)[0]);
const block = /<div class="block">([\s\S]*?)<\/div>/;
const types = javadoc('type-search-index.js').filter(({ p }) => p === 'rbtoken');
for (const { l: type } of types) {
    const page = `reference/java/rbtoken/rbtoken/${type}.html`;
    const html = read(site, page);
    add('Java', [type, `rbtoken.${type}`], page, sentence(html, block));
    for (const [[, anchor], markup] of split(html, /<section class="detail" id="([^"]+)"/g)) {
        const name = text(anchor).replace(/\(.*/, '').replace('<init>', type);
        add('Java', [`${type}.${name}`], `${page}#${text(anchor)}`, sentence(markup, block));
    }
}

// Go: one page; see godoc.go.
{
    const page = 'reference/go/index.html';
    for (const [[, name], markup] of split(read(site, page), /id="([A-Z][\w.]*)"/g)) {
        add('Go', [name, `rbtoken.${name}`], `${page}#${name}`,
            sentence(markup, /<\/pre>\s*<p>([\s\S]*?)(?=<h|<p|<\/p|$)/));
    }
}

/** Marks code that is short, and options, as whole. Lets other names break after `_`. */
const keepWhole = (code, name) => (name.length <= 20 ? `<code class="whole">${name}</code>`
    : `<code>${name.replace(/-\S+|_/g, (part) => (
        part === '_' ? '_<wbr>' : `<span class="whole">${part}</span>`))}</code>`);
/** Returns the text of HTML with marks between the cells and the rows of its tables. */
const tableText = (markup) => text(markup.replace(/<\/t[dh]>\s*(?=<t[dh])/g, ' · ')
    .replace(/[.:]?\s*<\/t[dh]>\s*<\/tr>/g, '. '));
// The excerpts of sections with tables.
const excerpts = {};

// The guides: rows of tables whose first cell has code. The anchor of a row is its first name.
for (const page of new Set(search.doc_urls.map((url) => url.split('#')[0]))) {
    const html = read(site, page);
    const used = new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
    const heading = text(html.match(/<main>[\s\S]*?<h1[^>]*>([\s\S]*?)<\/h1>/)?.[1]) || page;
    const rows = /<tr>\s*<td[^>]*>([\s\S]*?)<\/td>([\s\S]*?)<\/tr>/g;
    const changed = html.replace(rows, (row, cell, rest) => {
        const names = [...cell.matchAll(/<code[^>]*>([^<]+)<\/code>/g)].map(([, name]) => text(name));
        const id = names[0]?.replace(/[^\w.]+/g, '-').replace(/^-|-$/g, '');
        // Cells that start with a word mention a name in passing.
        if (!/^(<(?!code)[^>]*>)*<code/.test(cell.trim())) return row;
        if (!id || id.length > 60 || used.has(id)) return row;
        used.add(id);
        add('guide', names, `${page}#${id}`, tableText(`${rest}</tr>`), heading);
        return row.replace('<tr>', `<tr id="${id}">`);
    }).replace(/<td[\s\S]*?<\/td>/g, (cell) => cell.replace(/<code>([^<]+)<\/code>/g, keepWhole));
    if (changed !== html) writeFileSync(join(site, page), changed);
    const main = html.replace(/<\/main>[\s\S]*/, '');
    for (const [[, id], section] of split(main, /<h[1-3] id="([^"]+)"/g)) {
        if (!section.includes('<table')) continue;
        excerpts[`${page}#${id}`] = tableText(section.replace(/^[\s\S]*?<\/h\d>/, ''));
    }
}

// mdBook's own copy of elasticlunr, which splits words and takes their stems as its index says.
const elasticlunr = createRequire(import.meta.url)(join(site, 'elasticlunr.min.js'));
const index = elasticlunr.Index.load(search.index);
// A query for `backup` finds the headings that say "back up".
for (const doc of Object.values(search.index.documentStore.docs)) {
    const title = doc.title.replace(/\bback up\b/i, '$& backup');
    if (title !== doc.title) index.updateDoc({ ...doc, title });
}
for (const { url, ...entry } of entries) {
    index.addDoc({ id: String(search.doc_urls.length), ...entry });
    search.doc_urls.push(url);
}
search.index = index.toJSON();
// What a result shows is not part of the index.
for (const [id, doc] of Object.entries(search.index.documentStore.docs)) {
    doc.body = excerpts[search.doc_urls[id]] ?? doc.body;
    const title = doc.breadcrumbs.replace(` » ${doc.kind}`, '').replace(/^(.*) » \1$/, '$1');
    doc.breadcrumbs = `${title} <span class="kind">${doc.kind}</span>`;
}
const json = JSON.stringify(search).replaceAll('\\', '\\\\').replaceAll("'", "\\'");
writeFileSync(join(site, 'searchindex.js'),
    `window.search = Object.assign(window.search, JSON.parse('${json}'));`);

// The bar.
const css = readFileSync(new URL('reference.css', import.meta.url), 'utf8');
for (const page of pages('reference')) {
    const html = read(site, page);
    const front = relative(dirname(page), 'index.html');
    // Javadoc and pdoc have no dark style. They have styles for every `nav`.
    const inverted = /^reference\/(java|python)\//.test(page) ? ' class="inverted"' : '';
    const bar = `<style>${css}</style><div id="site-bar" role="navigation"${inverted}>`
        + `<a href="${front}">All documentation</a><form action="${front}">`
        + '<input type="search" name="search" placeholder="Search"'
        + ' aria-label="Search all documentation"></form></div>';
    // Pages that only redirect have no body.
    writeFileSync(join(site, page), html.replace(/<body[^>]*>/, (tag) => tag + bar));
}
console.log(`search: ${search.doc_urls.length} entries, ${entries.length} of them names`);

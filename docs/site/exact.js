// Puts results whose name is exactly the query first: C before the guides, and these before other
// languages. Pages about the project come last. A query in plain words has a section of a guide
// among its first three results. index.mjs gives entries their names and ranks. If no page has all
// words of a query, finds those that have some.
'use strict';

(() => {
    const search = elasticlunr.Index.prototype.search;
    elasticlunr.Index.prototype.search = function (query, options) {
        const name = query.trim().toLowerCase().replace(/\(\)$/, '');
        // A short name, such as E_LOCKED, comes after whole names.
        const rank = ({ doc }) => (doc.names.includes(name) ? doc.rank
            : doc.short?.includes(name) ? 10 + doc.rank : doc.late ? 200 : 100);
        const withAll = search.call(this, query, options);
        const found = withAll.length > 0 ? withAll
            : search.call(this, query, { ...options, bool: 'OR' });
        // Results of the same rank keep their order.
        found.sort((a, b) => rank(a) - rank(b));
        const section = found.findIndex(({ doc }) => doc.section);
        const place = Math.min(found.filter((result) => rank(result) < 100).length, 2);
        if (/^[a-z ]+$/.test(name) && section > place) {
            found.splice(place, 0, ...found.splice(section, 1));
        }
        return found;
    };
})();

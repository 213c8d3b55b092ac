"""Documents of every sort, as rows of a Review Board database may hold them."""

import json


def _text(rng):
    return ''.join(rng.choice(['a', 'B', ' ', '"', "'", '\\', '\n', '\t', 'é', '✓', '😀', '\ud800', '\udc00', '\x01',
                               '\x7f', '\ufffd', '/', '{', ',', '#'])
                   for _ in range(rng.randint(0, 5)))


def _value(rng, depth):
    kind = rng.randint(0, 12 if depth else 9)
    if kind > 9:
        size = rng.randint(0, 3)
        if kind == 12:
            return {rng.choice(['client_name', _text(rng), _text(rng)]): _value(rng, depth - 1)
                    for _ in range(size)}
        items = [_value(rng, depth - 1) for _ in range(size)]
        return tuple(items) if kind == 10 else items
    return rng.choice([
        None, True, False, rng.randint(-10, 10), rng.randint(-10**30, 10**30), -0.0,
        rng.uniform(-1, 1) * 10.0**rng.randint(-20, 20), float('nan'), float('inf'), 2.5, _text(rng),
        _text(rng), _text(rng)])


def _space(rng, inside=True):
    """What may stand between tokens: most of it only inside brackets."""
    if rng.random() < 0.7:
        return ''
    spaces = [' ', '\t', '  ', '\f', '\\\n', '\\\r\n', ' \\\n\t']
    if inside or rng.random() < 0.1:
        spaces += ['\n', '\r', '\r\n', '# a comment: ], "\n', ' \n\n\t', '#\\\n']
    return rng.choice(spaces)


def _number(rng):
    digits = str(rng.choice([0, 7, 10, 365, 10**25])) + rng.choice(['', '', '_000', '_0'])
    return rng.choice([
        digits, digits, '0', '00', '0_0', hex(rng.randint(0, 2**rng.choice([4, 64, 300]))),
        oct(rng.randint(0, 10**30)).upper(), bin(rng.randint(0, 99)), '0x_Ff', '0b_1_0', f'{digits}.',
        f'.{digits}', f'{digits}e-3', f'{digits}.5E+1_0', '1e999', '0777.5', '0777', f'{digits}j', '0j', '1.5J',
        '1' + '0' * rng.choice([4299, 4300]), '0x' + 'f' * rng.choice([3571, 3572])])


def _string(rng):
    text = ''.join(rng.choice(['a', 'RBTools', ' ', 'é', '😀', '#', '(', '\\n', '\\x41', '\\101', '\\777', '\\u00e9',
                               '\\U0001f600', '\\ud800', '\\\n', '\\\r\n', '\\q', '\\\\', '\\N', '\\', "'", '"'])
                   for _ in range(rng.randint(0, 4)))
    quote = rng.choice(["'", '"', "'''", '"""'])
    if len(quote) == 3:
        text += rng.choice(['', '\n', '\r', '\r\n', '"', "''"])
    return rng.choice(['', '', '', 'u', 'U', 'r', 'R', 'b', 'Rb', 'bR', 'f', 'ur']) + quote + text + quote


def _source(rng, depth, inside=False):
    """A Python literal as nobody would write it; now and then, none."""
    def gap():
        return _space(rng, inside)

    kind = rng.randint(0, 13 if depth else 7)
    if kind < 3:
        strings = [_string(rng) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
        return gap().join(strings)
    if kind < 6:
        number = rng.choice(['', '', '-', '+', '- ', '--']) + _number(rng)
        if rng.random() < 0.2:
            number = f'({number})'
        if rng.random() < 0.2:
            number = rng.choice(['', '', '-']) + number
        if rng.random() < 0.2:
            number += gap() + rng.choice(['+', '-']) + gap() + rng.choice(['2j', '0j', '(2j)', '3', '-2j', '(-2j)'])
        return number
    if kind < 8:
        return rng.choice(['None', 'True', 'False', '...', 'set()', f'set{gap()}({_space(rng)})', '(set)()', 'set',
                           'NaN', 'true'])
    # The order of a set is undefined, so sets have at most one item.
    parts = [_space(rng) + _source(rng, depth - 1, True) + _space(rng)
             for _ in range(rng.randint(0, 1 if kind == 10 else 3))]
    if kind < 10:
        parts = [f'{_space(rng)}{_string(rng)}{_space(rng)}:{part}' if rng.random() < 0.8 else f'{part}:{part}'
                 for part in parts]
    body = ','.join(parts) + (',' if parts and rng.random() < 0.3 else '')
    opening, closing = ('{}' if kind < 11 else '[]' if kind == 11 else '()')
    return opening + (body or _space(rng)) + closing


def _deep(rng):
    """Containers inside one another, around as many as Python reads."""
    pairs = rng.choice([
        [('[', ']')], [('(', ',)')], [('((1,),', ')')], [('{1:', '}')], [('(', ')')], [('{"a":', '}')],
        [('(1,2,', ')')], [('[1,', ']')], [('{1:2,3:', '}')], [('[', ',]'), ('(1,', ',2)'), ('([1],', ')')],
        [('[', ']'), ('(2,', ')'), ('{1:', ',}'), ('(', ')'), ('( #\n', '\n, )'), ('(set(),()', ')')],
    ])
    levels = rng.choice([rng.randint(1, 190), rng.randint(190, 201), rng.randint(190, 201), 300])
    chosen = [rng.choice(pairs) for _ in range(levels)]
    inner = rng.choice(['1', '"x"', '-1', '1+2j', 'None', '[]', '()', '{}', 'set()', '[1]', '(-(1),)', '(1, 2)'])
    return ''.join(pair[0] for pair in chosen) + inner + ''.join(pair[1] for pair in reversed(chosen))


def _literal(rng):
    text = _deep(rng) if rng.random() < 0.15 else _source(rng, 4)
    if rng.random() < 0.5:
        text = "{'client_name':" + _string(rng) + f", 'x': {text}" + '}'
    elif rng.random() < 0.2:
        text += ',' + rng.choice(['', ' 2', '()'])
    before = rng.choice(['', '', '', ' ', '\t ', '\n', '# a comment\n', '\r\n', '\f', '\\\n', '\n ', ' \f', '\\\n '])
    after = rng.choice(['', '', '', ' ', '\n', '\n\n', '# a comment', '\n  # a comment', '\r', '\\\n', '\n ', ';'])
    return before + text + after


def generate(rng):
    """One document."""
    form = rng.random()
    if form < 0.4:
        text = _literal(rng)
        if rng.random() < 0.1:
            text = json.dumps(text)
        if rng.random() < 0.7:
            return text
    else:
        value = _value(rng, 4)
        if rng.random() < 0.6:
            value = {'client_name': rng.choice(['RBTools', _text(rng)]), 'x': value}
        if form < 0.64:
            text = json.dumps(value, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, None, 2]))
            if rng.random() < 0.3:
                text = json.dumps(text)
        else:
            text = repr(value)
            if rng.random() < 0.3:
                text = text.replace("'", rng.choice(["u'", "'", "b'", "r'", "'\\x41"]))
            if rng.random() < 0.2:
                text = json.dumps(text)
    # A few changes make most documents invalid.
    for _ in range(rng.choice([0, 0, 1, 1, 2, 4])):
        place = rng.randint(0, len(text))
        piece = rng.choice(['{', '}', '[', ']', '(', ')', ',', ':', '"', "'", '\\', '\\u', '\\x', '0', '1', '.',
                            'e5', '_', '-', '+', 'j', 'NaN', 'None', 'null', 'True', ' ', '\n', '\r', '\t', '#',
                            "''", '"""', 'u', 'b', 'set()', '...', '0x1f', '012', 'é', '\ufeff', ';', '=', '*'])
        text = text[:place] + piece + text[place + rng.randint(0, 2):]
    return text

"""Compares a build graph and the sources' #include lines with tests/layering/rules.py.

Everything here is a function of its arguments, so that check_test.py can feed
it a graph with a forbidden arrow and see it complain.
"""
import ast
import collections
import re

THIRD_PARTY = "//tools/bazel/third_party:"
_EDGE = re.compile(r'^\s*"(//[^"]+)" -> "(//[^"]+)"')
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]', re.M)


def edges_of(graph):
    """[(from, to)] of `bazel query --output=graph --nograph:factored`, this workspace's labels only."""
    return [match.groups() for match in map(_EDGE.match, graph.splitlines()) if match]


def layer_of(path, layers):
    """The layer of a folder or file path; None if it has none."""
    fits = [layer for layer in layers if path == layer or path.startswith(layer + "/")]
    return max(fits, key=len, default=None)


def package_of(label):
    return label.removeprefix("//").split(":")[0]


def wrong_arrows(edges, layers):
    """Edges of the graph between layers that the rules do not list."""
    found = []
    for start, end in edges:
        if end.startswith("//tools/bazel"):
            continue
        source, target = layer_of(package_of(start), layers), layer_of(package_of(end), layers)
        if source is None or source == target:
            continue
        if target is None or target not in layers[source]:
            found.append(f"{start} -> {end}: {source} may use {sorted(layers[source]) or 'no other layer'}")
    return found


def wrong_libraries(edges, layers, libraries):
    """For each layer with a list, the first path to each third-party library that is not on it."""
    after = collections.defaultdict(list)
    for start, end in edges:
        after[start].append(end)
    found = []
    for layer, allowed in libraries.items():
        roots = sorted(node for node in after if layer_of(package_of(node), layers) == layer)
        parent = dict.fromkeys(roots)
        queue = collections.deque(roots)
        while queue:
            node = queue.popleft()
            for following in after[node]:
                if following not in parent:
                    parent[following] = node
                    queue.append(following)
        for node in sorted(parent):
            if node.startswith(THIRD_PARTY) and node.removeprefix(THIRD_PARTY) not in allowed:
                path = [node]
                while parent[path[-1]] is not None:
                    path.append(parent[path[-1]])
                found.append(f"{layer} reaches {node}: {' -> '.join(reversed(path))}")
    return found


def wrong_includes(sources, layers, forbidden):
    """Includes that break the rules. sources: {path: text}."""
    found = []
    for path, text in sorted(sources.items()):
        layer = layer_of(path, layers)
        if layer is None:
            continue
        for name in _INCLUDE.findall(text):
            target = layer_of(name, layers)
            if name.startswith("belay/v1/"):
                target = "proto"
            if target not in (None, layer) and target not in layers[layer]:
                found.append(f"{path} includes {name}: {layer} may use {sorted(layers[layer]) or 'no other layer'}")
            elif name.startswith(forbidden.get(layer, ())):
                found.append(f"{path} includes {name}, which {layer} must not")
    return found


def _absolute(label, package):
    if label.startswith("//"):
        return label if ":" in label else f"{label}:{label.rpartition('/')[2]}"
    return f"//{package}:{label.removeprefix(':')}"


def _strings(node, values):
    """All strings of an expression: sums, names of the file's constants, each branch of a select()."""
    if isinstance(node, ast.Name):
        return _strings(values[node.id], values) if node.id in values else []
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    inside = node.values if isinstance(node, ast.Dict) else ast.iter_child_nodes(node)  # not a select()'s conditions
    return [text for child in inside for text in _strings(child, values)]


def edges_of_build(package, text):
    """[(from, to)] of the `deps` in one BUILD file, but those of tests and of testonly rules.

    A query knows the targets it is asked for; this knows a library that nobody uses yet.
    """
    tree = ast.parse(text)
    values = {node.targets[0].id: node.value for node in tree.body
              if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)}
    edges = []
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id.endswith("_test"):
            continue
        keywords = {k.arg: k.value for k in call.keywords}
        testonly = keywords.get("testonly")
        if "name" not in keywords or "deps" not in keywords or isinstance(testonly, ast.Constant) and testonly.value:
            continue
        name = "".join(_strings(keywords["name"], values))
        edges += [(f"//{package}:{name}", _absolute(label, package)) for label in _strings(keywords["deps"], values)]
    return edges

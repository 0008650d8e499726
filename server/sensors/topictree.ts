// Which of many topic filters match a topic (MQTT 3.1.1, 4.7), in steps of the topic's levels rather
// than of the filters.

interface Node<T> {
  children: Map<string, Node<T>>
  values: T[]
  /** Of filters that end in `#` here. */
  rest: T[]
}

export class TopicTree<T> {
  readonly #root: Node<T> = emptyNode()

  add(filter: string, value: T): void {
    let node = this.#root
    for (const level of filter.split('/')) {
      if (level === '#') {
        node.rest.push(value)
        return
      }
      const next = node.children.get(level) ?? emptyNode<T>()
      node.children.set(level, next)
      node = next
    }
    node.values.push(value)
  }

  /** Each value once, in no order that one may rely on. */
  match(levels: readonly string[]): Set<T> {
    const found = new Set<T>()
    // Wildcards do not match the broker's own topics.
    if (levels[0]?.startsWith('$')) return found
    let nodes = [this.#root]
    for (const level of levels) {
      // A filter that ends here in `#` matches whatever follows, and nothing: `a/#` matches `a` too.
      for (const { rest } of nodes) addAll(found, rest)
      nodes = nodes.flatMap(node => below(node, level))
    }
    for (const { values, rest } of nodes) {
      addAll(found, values)
      addAll(found, rest)
    }
    return found
  }
}

function below<T>({ children }: Node<T>, level: string): Node<T>[] {
  const exact = level === '+' ? undefined : children.get(level)
  return [exact, children.get('+')].filter(node => node !== undefined)
}

function addAll<T>(found: Set<T>, values: readonly T[]): void {
  for (const value of values) found.add(value)
}

function emptyNode<T>(): Node<T> {
  return { children: new Map(), values: [], rest: [] }
}

// Map.prototype.getOrInsertComputed (TC39 upsert proposal), which Node 24 does not have yet.

/** The value of a key, made and kept where there is none. */
export function getOrInsert<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

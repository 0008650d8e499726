// A binary min-heap by due time whose entries know their place, so that one can be moved or taken
// out in O(log n). It knows nothing of devices.

export interface HeapEntry {
  /** The order: smallest first. Change it only by `update`. */
  dueAt: number
  /** Place in the heap; -1 outside. Belongs to the heap. */
  heapIndex: number
}

export interface DueHeap<T extends HeapEntry> {
  readonly size: number
  peek(): T | undefined
  push(entry: T): void
  /** Moves an entry to its new due time (and puts it in where it was out). */
  update(entry: T, dueAt: number): void
  remove(entry: T): void
}

export function createHeap<T extends HeapEntry>(): DueHeap<T> {
  const items: T[] = []

  const place = (entry: T, index: number) => {
    items[index] = entry
    entry.heapIndex = index
  }

  const siftUp = (entry: T, from: number) => {
    let index = from
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = items[parentIndex]
      if (!parent || parent.dueAt <= entry.dueAt) break
      place(parent, index)
      index = parentIndex
    }
    place(entry, index)
  }

  const siftDown = (entry: T, from: number) => {
    let index = from
    for (;;) {
      const left = items[2 * index + 1]
      const right = items[2 * index + 2]
      const child = left && right && right.dueAt < left.dueAt ? right : left
      if (!child || child.dueAt >= entry.dueAt) break
      const childIndex = child.heapIndex
      place(child, index)
      index = childIndex
    }
    place(entry, index)
  }

  const heap: DueHeap<T> = {
    get size() {
      return items.length
    },
    peek: () => items[0],
    push: entry => siftUp(entry, items.length),
    update(entry, dueAt) {
      entry.dueAt = dueAt
      if (entry.heapIndex < 0) return heap.push(entry)
      siftUp(entry, entry.heapIndex)
      siftDown(entry, entry.heapIndex)
    },
    remove(entry) {
      const index = entry.heapIndex
      if (index < 0) return
      entry.heapIndex = -1
      const last = items.pop()
      if (!last || last === entry) return
      place(last, index)
      siftUp(last, index)
      siftDown(last, last.heapIndex)
    },
  }
  return heap
}

// Several statements of one transaction in one message to the database's thread or server, where none
// needs what another gives: to wake a thread and wait for it costs more than most statements.

import { type Compilable, CompiledQuery, type QueryResult } from 'kysely'
import type { Db } from './database.ts'

/** A statement that stands for several; its rows are their results. */
export interface Together extends CompiledQuery<QueryResult<unknown>> {
  statements: readonly CompiledQuery[]
}

type Statement = Compilable<unknown> | CompiledQuery

/** Statements by what they are for; of each the result is in the same place. */
type Results<T extends Record<string, readonly Statement[]>> = {
  [K in keyof T]: QueryResult<
    T[K][number] extends { compile(): CompiledQuery<infer Row> } ? Row : unknown
  >[]
}

const isBuilder = (statement: Statement): statement is Compilable<unknown> => 'compile' in statement

/** Runs statements, one list after another; none after one that fails. */
export async function together<T extends Record<string, readonly Statement[]>>(
  on: Db,
  lists: T,
): Promise<Results<T>> {
  const statements = Object.values(lists).flatMap(list =>
    list.map(one => (isBuilder(one) ? one.compile() : one)),
  )
  const all: Together = { ...CompiledQuery.raw('', []), statements }
  const { rows } = statements.length > 0 ? await on.executeQuery(all) : { rows: [] }
  const left = [...rows]
  const results = Object.entries(lists).map(([name, list]) => [name, left.splice(0, list.length)])
  // The dialects' connections give one result for each statement, in their order.
  return Object.fromEntries(results) as Results<T>
}

/** Whether this statement stands for several. */
export const isTogether = (query: CompiledQuery): query is Together => 'statements' in query

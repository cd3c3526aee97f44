/** TEMPORARY until branch audit. */
import type { AnyStore } from './target/known.ts'
export async function audited<Result>(
  _store: AnyStore,
  _actor: string,
  _action: string,
  _target: string,
  _details: Readonly<Record<string, unknown>> | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  return work()
}

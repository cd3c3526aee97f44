/** The projections' part of the storage: documents, the registry of generations, and transactions that change both. */
import type { LogQuery, ProjectionStorage, RegisteredProjection, Storage } from '../storage/index.ts'
import type { Row, Session } from './client.ts'
import { plainArray, textArray } from './encode.ts'
import type { Runner } from './runner.ts'
import type { Statements } from './statements.ts'
import { documentOf, PostgresStorageTransaction } from './transaction.ts'

/** Makes the projections' part of the storage. `readLogPageIn`: reads the log in the session of a transaction. */
export function projections(
  runner: Runner,
  statements: Statements,
  readLogPageIn: (session: Session, query: LogQuery) => ReturnType<Storage['readLogPage']>,
): ProjectionStorage {
  return {
    transaction(what, work, signal) {
      return runner.transaction(
        what,
        async (session) => {
          const readLogPage = (query: LogQuery) => readLogPageIn(session, query)
          const { forProjections } = runner.lockTimeouts
          const transaction = new PostgresStorageTransaction(
            session,
            statements,
            readLogPage,
            null,
            forProjections,
          )
          if (runner.hasOneConnection()) transaction.holdsLeases = true
          const result = await work(transaction)
          await transaction.end()
          return result
        },
        'never',
        signal,
      )
    },

    async registerProjections(toRegister, signal) {
      const parameters = [
        textArray(toRegister.map(({ name }) => name)),
        plainArray(toRegister.map(({ version }) => version)),
        plainArray(toRegister.map(({ mode }) => mode)),
      ]
      const what = 'Registering projections'
      const rows = await runner.run(what, statements.registerProjections, () => parameters, signal)
      const found = new Map(rows.map((row) => [Number(row.place), row]))
      return toRegister.map(({ name }, index) => registeredOf(name, found.get(index + 1)))
    },

    async registeredProjection(name, signal) {
      const [row] = await runner.run(
        'Looking at a projection',
        statements.registeredProjection,
        () => [name],
        signal,
      )
      return registeredOf(name, row)
    },

    async listProjections(after, limit, signal) {
      const parameters = [after, String(limit)]
      const what = 'Listing projections'
      const rows = await runner.run(what, statements.listProjections, () => parameters, signal)
      return rows.map((row) => {
        const building = row.building_version === null ? undefined : Number(row.building_version)
        return { ...registered(JSON.parse(String(row.name)), row), building }
      })
    },

    async countDocuments(projection, signal) {
      const what = 'Counting documents'
      const [row] = await runner.run(what, statements.countDocuments, () => [projection], signal)
      return Number(row?.documents)
    },

    async beginBuild({ name, version, mode }, signal) {
      const parameters = [name, String(version), mode]
      const [row] = await runner.run('Beginning a build', statements.beginBuild, () => parameters, signal)
      return { generation: Number(row?.generation), resumed: row?.resumed === 'true' }
    },

    async readDocument(projection, key, signal) {
      const what = 'Reading a document'
      const [row] = await runner.run(what, statements.readDocument, () => [projection, key], signal)
      return row && documentOf(row, key)
    },

    async listDocuments(projection, prefix, after, limit, signal) {
      const parameters = [projection, prefix, after, String(limit)]
      const rows = await runner.run('Listing documents', statements.listDocuments, () => parameters, signal)
      return rows.map((row) => documentOf(row, JSON.parse(String(row.key))))
    },

    async dropDocuments(projection, keep, signal) {
      const parameters = [projection, keep === undefined ? null : String(keep)]
      const [row] = await runner.run('Deleting documents', statements.dropDocuments, () => parameters, signal)
      return Number(row?.dropped)
    },
  }
}

function registeredOf(name: string, row: Row | undefined): RegisteredProjection | undefined {
  return row && registered(name, row)
}

function registered(name: string, { version, generation, mode }: Row): RegisteredProjection {
  return {
    name,
    version: Number(version),
    generation: Number(generation),
    mode: mode === 'inline' ? 'inline' : 'async',
  }
}

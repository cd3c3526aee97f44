/** Empties the tables of a world for the next one, which is many times faster than creating them again. */
import pg from 'pg'

/**
 * Returns the script that empties all tables, also the events, which a trigger protects. Only a superuser may run it.
 * It skips tables without rows.
 */
export function truncateScript(schema: string): string {
  return `
    set session_replication_role = replica;
    do $$
    declare
      _table regclass;
      _has_rows boolean;
      _tables regclass[];
    begin
      for _table in select oid from pg_class
        where relnamespace = '${schema}'::regnamespace and relkind = 'r' and relname <> 'migrations'
      loop
        execute format('select exists (select from %s)', _table) into _has_rows;
        if _has_rows then _tables := _tables || _table; end if;
      end loop;
      if _tables is not null then execute 'truncate ' || array_to_string(_tables, ', '); end if;
      alter sequence ${schema}.event_positions restart;
    end $$;
    set session_replication_role = origin`
}

/** Provides the schemas of worlds that run one after the other, in a database that only they use. */
export class WorldSchemas {
  readonly #cleaner: pg.Client
  #made = 1
  #isInUse = false

  private constructor(cleaner: pg.Client) {
    this.#cleaner = cleaner
  }

  static async in(url: string): Promise<WorldSchemas> {
    const cleaner = new pg.Client({ connectionString: url })
    await cleaner.connect()
    return new WorldSchemas(cleaner)
  }

  enter(): string {
    if (this.#isInUse) throw new Error('The world before has not ended')
    this.#isInUse = true
    return `case_${this.#made}`
  }

  /** Ends the world: terminates connections that still run statements, then empties its tables. */
  async leave(schema: string, options: { readonly mayHaveLatecomers: boolean }): Promise<void> {
    await this.#cleaner.query(
      `select pg_terminate_backend(pid, 10000) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'`,
    )
    const { rows } = await this.#cleaner.query(`select from pg_namespace where nspname = '${schema}'`)
    // A statement that was sent through a proxy may still arrive. It must not change the next world, which gets a new
    // schema.
    if (options.mayHaveLatecomers) this.#made++
    else if (rows.length > 0) await this.#cleaner.query(truncateScript(schema))
    this.#isInUse = false
  }

  close(): Promise<void> {
    return this.#cleaner.end()
  }
}

/** Pools that worlds reuse one after the other. Connecting would take most of the time of a small world. */
export class Pools<Pool> {
  readonly #make: (max: number) => Pool
  readonly #all: Pool[] = []
  readonly #free = new Map<number, Pool[]>()

  constructor(make: (max: number) => Pool) {
    this.#make = make
  }

  /** Takes a free pool with that many connections, or makes one. */
  take(max: number): Pool {
    const free = this.#free.get(max)?.pop()
    if (free !== undefined) return free
    const made = this.#make(max)
    this.#all.push(made)
    return made
  }

  /** Returns a pool, so that another world can take it. */
  release(max: number, pool: Pool): void {
    this.#free.set(max, [...(this.#free.get(max) ?? []), pool])
  }

  async end(end: (pool: Pool) => Promise<unknown>): Promise<void> {
    await Promise.all(this.#all.map(end))
  }
}

import type { HandlerContext, RecordedEvent } from '@eventsourced/core'
import { postgresStore } from '@eventsourced/core/postgres'
import { EventsourcedModule } from '@eventsourced/nestjs'
import type { AggregateRepository } from '@eventsourced/nestjs/cqrs'
import {
  aggregateRepositoryProvider,
  Durable,
  EventsourcedCqrsModule,
  InjectAggregateRepository,
} from '@eventsourced/nestjs/cqrs'
import { Body, Controller, Inject, Module, Param, Post, Query } from '@nestjs/common'
import {
  AggregateRoot,
  Command,
  CommandBus,
  CommandHandler,
  CqrsModule,
  EventsHandler,
  type ICommandHandler,
  type IEventHandler,
} from '@nestjs/cqrs'

class Deposited {
  constructor(
    readonly account: string,
    readonly amount: number,
  ) {}
}

class Account extends AggregateRoot<Deposited> {
  balance = 0

  constructor(readonly id: string) {
    super()
  }

  deposit(amount: number): void {
    if (!(amount > 0)) throw new Error('Deposit more than nothing')
    this.apply(new Deposited(this.id, amount))
  }

  onDeposited({ amount }: Deposited): void {
    this.balance += amount
  }
}

class Deposit extends Command<{ balance: number; position: number }> {
  constructor(
    readonly id: string,
    readonly amount: number,
    readonly commandId: string,
  ) {
    super()
  }
}

@CommandHandler(Deposit)
class DepositHandler implements ICommandHandler<Deposit> {
  constructor(@InjectAggregateRepository(Account) private readonly accounts: AggregateRepository<Account>) {}

  async execute({ id, amount, commandId }: Deposit) {
    const deposit = (account: Account) => account.deposit(amount)
    const { aggregate, position } = await this.accounts.update(id, deposit, { commandId })
    return { balance: aggregate.balance, position }
  }
}

// Gets its events from the log, one by one, also those of the time in which no process ran.
@Durable({ name: 'statements', transactional: true, onError: { retries: 5, action: 'park' } })
@EventsHandler(Deposited)
class StatementsHandler implements IEventHandler<Deposited> {
  async handle({ account, amount }: Deposited, _event?: RecordedEvent, context?: HandlerContext) {
    const statements = context?.tx.documents<{ lines: number[] }>('statements')
    const { lines } = (await statements?.get(account)) ?? { lines: [] }
    await statements?.put(account, { lines: [...lines, amount] })
  }
}

@Controller('accounts')
class AccountsController {
  constructor(@Inject(CommandBus) private readonly commands: CommandBus) {}

  @Post(':id')
  deposit(@Param('id') id: string, @Query('commandId') commandId: string, @Body() body: { amount: number }) {
    return this.commands.execute(new Deposit(id, body.amount, commandId))
  }
}

@Module({
  imports: [
    CqrsModule.forRoot(),
    EventsourcedModule.forRootAsync({
      useFactory: () => ({ open: () => postgresStore(process.env.DATABASE_URL ?? 'pglite:memory') }),
    }),
    EventsourcedCqrsModule.forRoot({ events: { Deposited } }),
  ],
  controllers: [AccountsController],
  providers: [
    aggregateRepositoryProvider(Account, { streamId: (id) => `account-${id}` }),
    DepositHandler,
    StatementsHandler,
  ],
})
export class AppModule {}

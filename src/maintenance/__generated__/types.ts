import type { GraphQLResolveInfo, GraphQLScalarType, GraphQLScalarTypeConfig } from 'graphql';
import type { Maintenance as MaintenanceModel } from '../model.ts';
import type { ReadContext } from '../context.ts';
export type Maybe<T> = T | null;
export type InputMaybe<T> = Maybe<T>;
export type Omit<T, K extends keyof T> = Pick<T, Exclude<keyof T, K>>;
export type RequireFields<T, K extends keyof T> = Omit<T, K> & { [P in K]-?: NonNullable<T[P]> };
/** All built-in and custom scalars, mapped to their actual values */
export type Scalars = {
  ID: { input: string; output: string; }
  String: { input: string; output: string; }
  Boolean: { input: boolean; output: boolean; }
  Int: { input: number; output: number; }
  Float: { input: number; output: number; }
  /** A date and time as RFC 3339 writes it, for example `2024-01-16T13:32:45Z`. */
  DateTime: { input: string; output: string; }
  _FieldSet: { input: unknown; output: unknown; }
};

/**
 * A repair request to be filed (报修信息). If values are wrong, one error lists the first 20 in `extensions.arguments`, each with the argument,
 * for example `input.finishTime`, a code, for example `NOT_LATER`, and a message. Times may have any offset, for example `2026-12-01T09:00:00+08:00`. Texts are measured
 * in UTF-16 units, like `length` in JavaScript: most emoji count 2.
 */
export type CreateMaintenanceInput = {
  /** Whom to contact about it (联系人). Not blank, at most 1,000 characters. */
  readonly contact: Scalars['String']['input'];
  /** What is to be repaired (描述). Not blank, at most 10,000 characters. */
  readonly description: Scalars['String']['input'];
  /** When the requested period ends (结束时间). Later than `startTime`. */
  readonly finishTime: Scalars['DateTime']['input'];
  /** Names of pictures that the app uploaded through the vendor's SDK (文件名): at most 20, each not blank and of at most 256 characters. */
  readonly pictureFilenames?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** The command API's id of the residence (住宅ID). */
  readonly residenceId: Scalars['ID']['input'];
  /** When the requested period begins (开始时间). */
  readonly startTime: Scalars['DateTime']['input'];
};

/** The answer to `createMaintenance`. */
export type CreateMaintenancePayload = {
  readonly __typename?: 'CreateMaintenancePayload';
  /** `Maintenance.id` of the new request. It is there even if reading `maintenance` back fails. */
  readonly createdId: Scalars['ID']['output'];
  /** The new request, read back from the command API. Null, without an error, if the command API does not show it yet. */
  readonly maintenance?: Maybe<Maintenance>;
};

/** Why one id of `deleteMaintenances` was not, or may not have been, deleted. */
export type DeleteMaintenanceFailure = {
  readonly __typename?: 'DeleteMaintenanceFailure';
  /** The kind of failure. */
  readonly code: MaintenanceErrorCode;
  /** The `Maintenance.id` in question. */
  readonly failedId: Scalars['ID']['output'];
  /** What went wrong, for a developer to read. */
  readonly message: Scalars['String']['output'];
  /** Whether the delete may have happened. */
  readonly outcome: MaintenanceWriteOutcome;
};

/** The answer to `deleteMaintenance`. */
export type DeleteMaintenancePayload = {
  readonly __typename?: 'DeleteMaintenancePayload';
  /** `Maintenance.id` of the deleted request. */
  readonly deletedId: Scalars['ID']['output'];
  /** The residence that the request belonged to (住宅), to read which requests are left. */
  readonly residence?: Maybe<Residence>;
};

/** The answer to `deleteMaintenances`. */
export type DeleteMaintenancesPayload = {
  readonly __typename?: 'DeleteMaintenancesPayload';
  /** The ids for which the command of their residence succeeded. The command API does not say whether each of them existed before. */
  readonly deletedIds: ReadonlyArray<Scalars['ID']['output']>;
  /** One entry for each id for which the command of its residence failed. */
  readonly failures: ReadonlyArray<DeleteMaintenanceFailure>;
};

/**
 * A repair request that a resident filed for a residence (报修).
 *
 * It comes from the vendor's command API (报修管理API) and needs the caller's token of the command API (访问令牌), in the header
 * that the platform team names.
 * Times are in UTC with whole seconds. A field is null if the command API has no value for it. It is also null if the command
 * API fails; then an error has a code in `extensions.code`, which `MaintenanceErrorCode` explains.
 */
export type Maintenance = {
  readonly __typename?: 'Maintenance';
  /** Whom to contact about it, as the resident wrote it: a name, a telephone number or both (联系人). */
  readonly contact?: Maybe<Scalars['String']['output']>;
  /** When the request was filed (创建时间). */
  readonly createdTime?: Maybe<Scalars['DateTime']['output']>;
  /** What is to be repaired, in the resident's own words (描述). */
  readonly description?: Maybe<Scalars['String']['output']>;
  /** The answer of the property management (反馈). Null or empty until there is an answer. */
  readonly feedback?: Maybe<Scalars['String']['output']>;
  /** When the requested period ends (结束时间). */
  readonly finishTime?: Maybe<Scalars['DateTime']['output']>;
  /**
   * The id of the request in the supergraph: `<residence id>:<maintenance id>` (住宅ID, 报修ID), in each part `%` written
   * `%25` and `:` written `%3A`. For example `r31adc223cc4b3bedb6bd4742dedcfa52:m31adc223cc4b3bedb6bd4742dedcfa52`.
   */
  readonly id: Scalars['ID']['output'];
  /** The command API's own id of the request (报修ID). It is unique only together with the residence. */
  readonly maintenanceId: Scalars['ID']['output'];
  /** The addresses of the pictures that came with the request (报修图片地址). */
  readonly pictureUrls?: Maybe<ReadonlyArray<Scalars['String']['output']>>;
  /** The residence that the request belongs to (住宅). */
  readonly residence?: Maybe<Residence>;
  /** When the requested period begins (开始时间). */
  readonly startTime?: Maybe<Scalars['DateTime']['output']>;
  /** How far the request has come (状态). */
  readonly state?: Maybe<MaintenanceState>;
};

/**
 * The code of a failed command, in `failures` or in `extensions.code` of an error. If no command was sent, `extensions.code` may
 * also be one of these:
 *
 * - `BAD_USER_INPUT`: arguments are wrong, as `extensions.arguments` or the message says; or the operation asks for too much.
 * - `GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED`, `OPERATION_RESOLUTION_FAILURE`: the document does not fit the schema.
 * - `PERSISTED_QUERY_NOT_SUPPORTED`: the request has a hash instead of a query.
 * - `BAD_REQUEST`, `NOT_FOUND`: this is not a GraphQL request.
 * - `OVERLOADED`: there are more requests than can be served. Try again later.
 * - `ROUTER_UNAUTHENTICATED`: the request did not come through the router.
 */
export type MaintenanceErrorCode =
  /** The command API refused the command. Its own code, if it gave a short one, is in `extensions.upstreamCode`. */
  | 'COMMAND_REJECTED'
  /** The command API does not allow this command to the caller. */
  | 'FORBIDDEN'
  /** A fault of this subgraph. Tell its owners the `errorId`, which is in `extensions` or in `message`. */
  | 'INTERNAL_SERVER_ERROR'
  /**
   * There is no usable token of the command API (访问令牌), in the header that the platform team names, or the command API does
   * not accept the token. Get a new one.
   */
  | 'UNAUTHENTICATED'
  /** The command API sent an invalid reply. Tell the owners of this subgraph. */
  | 'UPSTREAM_INVALID_RESPONSE'
  /** The command API did not answer in time. Try a read again later. */
  | 'UPSTREAM_TIMEOUT'
  /** The command API was not reached or could not answer, or there was no room for the command. Try a read again later. */
  | 'UPSTREAM_UNAVAILABLE';

/** An order of repair requests. Requests without the time in question come last in either direction. */
export type MaintenanceOrder =
  /** By the time of filing (创建时间), the oldest first. */
  | 'CREATED_TIME_ASC'
  /** By the time of filing (创建时间), the newest first. */
  | 'CREATED_TIME_DESC'
  /** By the beginning of the requested period (开始时间), the earliest first. */
  | 'START_TIME_ASC'
  /** By the beginning of the requested period (开始时间), the latest first. */
  | 'START_TIME_DESC';

/** How far a repair request has come (状态). */
export type MaintenanceState =
  /** Closed, with or without any work done (已关闭). */
  | 'CLOSED'
  /** The work is done (已完成). */
  | 'COMPLETED'
  /** Confirmed and being worked on (进行中). */
  | 'IN_PROGRESS'
  /** Filed, and not yet confirmed by the property management (待确认). */
  | 'WAIT_FOR_CONFIRMATION';

/**
 * Whether a write that failed may have happened. Its error has this in `extensions.outcome`. The subgraph never repeats a write that may
 * have arrived.
 */
export type MaintenanceWriteOutcome =
  /** It certainly did not reach the command API, and did not happen. */
  | 'NOT_SENT'
  /** The command API refused it, and it did not happen. */
  | 'REJECTED'
  /** It may have happened: no usable answer came back. Read before you try again. */
  | 'UNKNOWN';

export type Mutation = {
  readonly __typename?: 'Mutation';
  /** Files a repair request (创建报修信息), and can read it back. */
  readonly createMaintenance?: Maybe<CreateMaintenancePayload>;
  /** Deletes one repair request (删除报修信息). For a request that does not exist, the command API decides whether this succeeds. */
  readonly deleteMaintenance?: Maybe<DeleteMaintenancePayload>;
  /**
   * Deletes repair requests of several residences (批量删除报修信息), with a result for each. There is one command per residence. If a
   * command fails, the requests of its residence are in `failures`, all with the same outcome. If an id is malformed, or if the token is refused
   * for every residence, nothing is deleted, and the whole field is null with an error.
   */
  readonly deleteMaintenances?: Maybe<DeleteMaintenancesPayload>;
};


export type MutationCreateMaintenanceArgs = {
  input: CreateMaintenanceInput;
};


export type MutationDeleteMaintenanceArgs = {
  id: Scalars['ID']['input'];
};


export type MutationDeleteMaintenancesArgs = {
  ids: ReadonlyArray<Scalars['ID']['input']>;
};

export type Query = {
  readonly __typename?: 'Query';
  /** One repair request (获取报修信息). Null, without an error, if it does not exist. */
  readonly maintenance?: Maybe<Maintenance>;
  /** The repair requests of one residence (获取报修列表), filtered, sorted and sliced. The command API has no list across residences. */
  readonly maintenances?: Maybe<ReadonlyArray<Maintenance>>;
};


export type QueryMaintenanceArgs = {
  id: Scalars['ID']['input'];
};


export type QueryMaintenancesArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  offset?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<MaintenanceOrder>;
  residenceId: Scalars['ID']['input'];
  states?: InputMaybe<ReadonlyArray<MaintenanceState>>;
};

/** A residence (住宅). */
export type Residence = {
  readonly __typename?: 'Residence';
  /** The id of the residence (住宅ID). */
  readonly id: Scalars['ID']['output'];
  /** The repair requests of this residence (获取报修列表). */
  readonly maintenances?: Maybe<ReadonlyArray<Maintenance>>;
};


/** A residence (住宅). */
export type ResidenceMaintenancesArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  offset?: InputMaybe<Scalars['Int']['input']>;
  orderBy?: InputMaybe<MaintenanceOrder>;
  states?: InputMaybe<ReadonlyArray<MaintenanceState>>;
};



export type ResolverTypeWrapper<T> = Promise<T> | T;

export type ReferenceResolver<TResult, TReference, TContext> = (
      reference: TReference,
      context: TContext,
      info: GraphQLResolveInfo
    ) => Promise<TResult> | TResult;

      type ScalarCheck<T, S> = S extends true ? T : NullableCheck<T, S>;
      type NullableCheck<T, S> = Maybe<T> extends T ? Maybe<ListCheck<NonNullable<T>, S>> : ListCheck<T, S>;
      type ListCheck<T, S> = T extends (infer U)[] ? NullableCheck<U, S>[] : GraphQLRecursivePick<T, S>;
      export type GraphQLRecursivePick<T, S> = { [K in keyof T & keyof S]: ScalarCheck<T[K], S[K]> };
    
export type Resolver<TResult, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> = ResolverFn<TResult, TParent, TContext, TArgs>;

export type ResolverFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => Promise<TResult> | TResult;

export type SubscriptionSubscribeFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => AsyncIterable<TResult> | Promise<AsyncIterable<TResult>>;

export type SubscriptionResolveFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => TResult | Promise<TResult>;

export interface SubscriptionSubscriberObject<TResult, TKey extends string, TParent, TContext, TArgs> {
  subscribe: SubscriptionSubscribeFn<{ [key in TKey]: TResult }, TParent, TContext, TArgs>;
  resolve?: SubscriptionResolveFn<TResult, { [key in TKey]: TResult }, TContext, TArgs>;
}

export interface SubscriptionResolverObject<TResult, TParent, TContext, TArgs> {
  subscribe: SubscriptionSubscribeFn<any, TParent, TContext, TArgs>;
  resolve: SubscriptionResolveFn<TResult, any, TContext, TArgs>;
}

export type SubscriptionObject<TResult, TKey extends string, TParent, TContext, TArgs> =
  | SubscriptionSubscriberObject<TResult, TKey, TParent, TContext, TArgs>
  | SubscriptionResolverObject<TResult, TParent, TContext, TArgs>;

export type SubscriptionResolver<TResult, TKey extends string, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> =
  | ((...args: any[]) => SubscriptionObject<TResult, TKey, TParent, TContext, TArgs>)
  | SubscriptionObject<TResult, TKey, TParent, TContext, TArgs>;

export type TypeResolveFn<TTypes, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>> = (
  parent: TParent,
  context: TContext,
  info: GraphQLResolveInfo
) => Maybe<TTypes> | Promise<Maybe<TTypes>>;

export type IsTypeOfResolverFn<T = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>> = (obj: T, context: TContext, info: GraphQLResolveInfo) => boolean | Promise<boolean>;

export type NextResolverFn<T> = () => Promise<T>;

export type DirectiveResolverFn<TResult = Record<PropertyKey, never>, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> = (
  next: NextResolverFn<TResult>,
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => TResult | Promise<TResult>;

/** Mapping of federation types */
export type FederationTypes = {
  Maintenance: Maintenance;
  Residence: Residence;
};

/** Mapping of federation reference types */
export type FederationReferenceTypes = {
  Maintenance:
    ( { __typename: 'Maintenance' }
    & ( GraphQLRecursivePick<FederationTypes['Maintenance'], {"id":true}>
        | GraphQLRecursivePick<FederationTypes['Maintenance'], {"residence":{"id":true},"maintenanceId":true}> ) );
  Residence:
    ( { __typename: 'Residence' }
    & GraphQLRecursivePick<FederationTypes['Residence'], {"id":true}> );
};



/** Mapping between all available schema types and the resolvers types */
export type ResolversTypes = {
  CreateMaintenanceInput: CreateMaintenanceInput;
  String: ResolverTypeWrapper<Scalars['String']['output']>;
  ID: ResolverTypeWrapper<Scalars['ID']['output']>;
  CreateMaintenancePayload: ResolverTypeWrapper<Omit<CreateMaintenancePayload, 'maintenance'> & { maintenance?: Maybe<ResolversTypes['Maintenance']> }>;
  DateTime: ResolverTypeWrapper<Scalars['DateTime']['output']>;
  DeleteMaintenanceFailure: ResolverTypeWrapper<DeleteMaintenanceFailure>;
  DeleteMaintenancePayload: ResolverTypeWrapper<Omit<DeleteMaintenancePayload, 'residence'> & { residence?: Maybe<ResolversTypes['Residence']> }>;
  DeleteMaintenancesPayload: ResolverTypeWrapper<DeleteMaintenancesPayload>;
  Maintenance: ResolverTypeWrapper<MaintenanceModel>;
  MaintenanceErrorCode: MaintenanceErrorCode;
  MaintenanceOrder: MaintenanceOrder;
  MaintenanceState: MaintenanceState;
  MaintenanceWriteOutcome: MaintenanceWriteOutcome;
  Mutation: ResolverTypeWrapper<Record<PropertyKey, never>>;
  Query: ResolverTypeWrapper<Record<PropertyKey, never>>;
  Int: ResolverTypeWrapper<Scalars['Int']['output']>;
  Residence: ResolverTypeWrapper<{ id: string }>;
  Boolean: ResolverTypeWrapper<Scalars['Boolean']['output']>;
};

/** Mapping between all available schema types and the resolvers parents */
export type ResolversParentTypes = {
  CreateMaintenanceInput: CreateMaintenanceInput;
  String: Scalars['String']['output'];
  ID: Scalars['ID']['output'];
  CreateMaintenancePayload: Omit<CreateMaintenancePayload, 'maintenance'> & { maintenance?: Maybe<ResolversParentTypes['Maintenance']> };
  DateTime: Scalars['DateTime']['output'];
  DeleteMaintenanceFailure: DeleteMaintenanceFailure;
  DeleteMaintenancePayload: Omit<DeleteMaintenancePayload, 'residence'> & { residence?: Maybe<ResolversParentTypes['Residence']> };
  DeleteMaintenancesPayload: DeleteMaintenancesPayload;
  Maintenance: MaintenanceModel;
  Mutation: Record<PropertyKey, never>;
  Query: Record<PropertyKey, never>;
  Int: Scalars['Int']['output'];
  Residence: { id: string };
  Boolean: Scalars['Boolean']['output'];
};

export type CreateMaintenancePayloadResolvers<ContextType = ReadContext, ParentType extends ResolversParentTypes['CreateMaintenancePayload'] = ResolversParentTypes['CreateMaintenancePayload']> = {
  createdId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  maintenance?: Resolver<Maybe<ResolversTypes['Maintenance']>, ParentType, ContextType>;
};

export interface DateTimeScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['DateTime'], any> {
  name: 'DateTime';
}

export type DeleteMaintenanceFailureResolvers<ContextType = ReadContext, ParentType extends ResolversParentTypes['DeleteMaintenanceFailure'] = ResolversParentTypes['DeleteMaintenanceFailure']> = {
  code?: Resolver<ResolversTypes['MaintenanceErrorCode'], ParentType, ContextType>;
  failedId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  outcome?: Resolver<ResolversTypes['MaintenanceWriteOutcome'], ParentType, ContextType>;
};

export type DeleteMaintenancePayloadResolvers<ContextType = ReadContext, ParentType extends ResolversParentTypes['DeleteMaintenancePayload'] = ResolversParentTypes['DeleteMaintenancePayload']> = {
  deletedId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  residence?: Resolver<Maybe<ResolversTypes['Residence']>, ParentType, ContextType>;
};

export type DeleteMaintenancesPayloadResolvers<ContextType = ReadContext, ParentType extends ResolversParentTypes['DeleteMaintenancesPayload'] = ResolversParentTypes['DeleteMaintenancesPayload']> = {
  deletedIds?: Resolver<ReadonlyArray<ResolversTypes['ID']>, ParentType, ContextType>;
  failures?: Resolver<ReadonlyArray<ResolversTypes['DeleteMaintenanceFailure']>, ParentType, ContextType>;
};

export type MaintenanceResolvers<ContextType = ReadContext, ParentType extends ResolversParentTypes['Maintenance'] = ResolversParentTypes['Maintenance'], FederationReferenceType extends FederationReferenceTypes['Maintenance'] = FederationReferenceTypes['Maintenance']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Maintenance']> | FederationReferenceType, FederationReferenceType, ContextType>;
  contact?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  createdTime?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  description?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  feedback?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  finishTime?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  maintenanceId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  pictureUrls?: Resolver<Maybe<ReadonlyArray<ResolversTypes['String']>>, ParentType, ContextType>;
  residence?: Resolver<Maybe<ResolversTypes['Residence']>, ParentType, ContextType>;
  startTime?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  state?: Resolver<Maybe<ResolversTypes['MaintenanceState']>, ParentType, ContextType>;
};

export type MutationResolvers<ContextType = ReadContext, ParentType extends ResolversParentTypes['Mutation'] = ResolversParentTypes['Mutation']> = {
  createMaintenance?: Resolver<Maybe<ResolversTypes['CreateMaintenancePayload']>, ParentType, ContextType, RequireFields<MutationCreateMaintenanceArgs, 'input'>>;
  deleteMaintenance?: Resolver<Maybe<ResolversTypes['DeleteMaintenancePayload']>, ParentType, ContextType, RequireFields<MutationDeleteMaintenanceArgs, 'id'>>;
  deleteMaintenances?: Resolver<Maybe<ResolversTypes['DeleteMaintenancesPayload']>, ParentType, ContextType, RequireFields<MutationDeleteMaintenancesArgs, 'ids'>>;
};

export type QueryResolvers<ContextType = ReadContext, ParentType extends ResolversParentTypes['Query'] = ResolversParentTypes['Query']> = {
  maintenance?: Resolver<Maybe<ResolversTypes['Maintenance']>, ParentType, ContextType, RequireFields<QueryMaintenanceArgs, 'id'>>;
  maintenances?: Resolver<Maybe<ReadonlyArray<ResolversTypes['Maintenance']>>, ParentType, ContextType, RequireFields<QueryMaintenancesArgs, 'residenceId'>>;
};

export type ResidenceResolvers<ContextType = ReadContext, ParentType extends ResolversParentTypes['Residence'] = ResolversParentTypes['Residence'], FederationReferenceType extends FederationReferenceTypes['Residence'] = FederationReferenceTypes['Residence']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Residence']> | FederationReferenceType, FederationReferenceType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  maintenances?: Resolver<Maybe<ReadonlyArray<ResolversTypes['Maintenance']>>, ParentType, ContextType, Partial<ResidenceMaintenancesArgs>>;
};

export type Resolvers<ContextType = ReadContext> = {
  CreateMaintenancePayload?: CreateMaintenancePayloadResolvers<ContextType>;
  DateTime?: GraphQLScalarType;
  DeleteMaintenanceFailure?: DeleteMaintenanceFailureResolvers<ContextType>;
  DeleteMaintenancePayload?: DeleteMaintenancePayloadResolvers<ContextType>;
  DeleteMaintenancesPayload?: DeleteMaintenancesPayloadResolvers<ContextType>;
  Maintenance?: MaintenanceResolvers<ContextType>;
  Mutation?: MutationResolvers<ContextType>;
  Query?: QueryResolvers<ContextType>;
  Residence?: ResidenceResolvers<ContextType>;
};


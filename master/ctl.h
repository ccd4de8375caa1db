/*
 * The controllers and the scheduler: each watches the registry, in the same loop and thread as the API, and
 * writes the way an API request does. All are level-triggered: started at any moment, on any state, they
 * bring it to what is desired.
 */
#ifndef WHERRY_MASTER_CTL_H
#define WHERRY_MASTER_CTL_H

#include "master/cluster.h"

/* One of each; started once the registry is read. */
struct controllers;
struct controllers *controllers_start(struct cluster *c);
void controllers_stop(struct controllers *c);

struct scheduler;
struct scheduler *sched_start(struct cluster *c);
void sched_stop(struct scheduler *s);

struct replication; /* ReplicationControllers have as many Pods as they say */
struct replication *replication_start(struct cluster *c);
void replication_stop(struct replication *r);

struct endpoints; /* Endpoints and EndpointSlices follow Services and ready Pods */
struct endpoints *endpoints_start(struct cluster *c);
void endpoints_stop(struct endpoints *e);

struct node_life; /* nodes whose Lease is not renewed lose their Pods */
struct node_life *node_life_start(struct cluster *c);
void node_life_stop(struct node_life *n);

struct garbage; /* what its owners have left is deleted */
struct garbage *garbage_start(struct cluster *c);
void garbage_stop(struct garbage *g);

#endif

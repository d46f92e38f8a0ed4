//! Pools: from what was said to what is meant.

use super::{Balance, Ejection, Member, Node, Pool, Retries, Room};
use crate::catalog::PoolId;
use crate::catalog::check::{Checker, DISCARD, EMPTY_LIST, REPEATED, TOO_MANY, many, named, toml_key};
use crate::catalog::monitor::{Monitor, MonitorId};
use crate::catalog::read::{At, BAD_VALUE, OneOrMany, Slot, Text, shown};
use crate::catalog::said;
use crate::limits;
use crate::nodes::PoolLive;
use source::{DiagnosticId, Span, nearest};
use std::sync::Arc;

/// A failure pool that is the pool itself, or leads back to it.
const FAILURE_POOL_CIRCLE: DiagnosticId = DiagnosticId("failure-pool-circle");
/// A monitor that is not declared.
const UNKNOWN_MONITOR: DiagnosticId = DiagnosticId("unknown-monitor");
/// A pool that gives no node any request.
const NO_ACTIVE_NODE: DiagnosticId = DiagnosticId("no-active-node");

impl Checker<'_> {
    pub(in crate::catalog) fn pool(
        &mut self,
        name: &At<String>,
        said: &At<said::PoolTable>,
        monitors: &[Arc<Monitor>],
    ) -> Option<Pool> {
        if name.value == DISCARD {
            let message = format!("a pool cannot be called `{DISCARD}`");
            self.error(BAD_VALUE, message, name.span, "`pool = \"discard\"` closes connections");
        }
        let table = &said.value;
        let (nodes, members) = self
            .required(&table.nodes, "nodes", name, said.span)
            .map_or((Vec::new(), Vec::new()), |nodes| self.nodes(nodes));
        let bandwidth_class = self.bandwidth_class(&table.bandwidth_class);
        Some(Pool {
            name: Arc::from(name.value.as_str()),
            live: PoolLive::new(&nodes, &members),
            nodes,
            members,
            balance: balance(table)?,
            ejection: self.ejection(table)?,
            room: room(table)?,
            retries: Retries {
                percent: table.retry_budget.value()?.0,
                per_second_min: table.retry_min_per_second.value()?.0,
            },
            // Known when all pools are.
            failure_pool: None,
            monitors: self.monitors_of(&table.monitors, monitors),
            slow_start: table.slow_start.value()?.0,
            bandwidth_class,
            max_connect_time: table.max_connect_time.value()?.0,
            max_reply_time: table.max_reply_time.value()?.0,
            slow_answers: *table.slow_answers.value()?,
            max_idle_connections_pernode: table.max_idle_connections_pernode.value()?.0,
            node_fail_time: table.node_fail_time.value()?.0,
            tls: self.node_tls(&table.tls).map(Arc::new),
            proxy_protocol: *table.proxy_protocol.value()?,
            http2: table.http2.value()?.0,
        })
    }

    fn nodes(&mut self, said: &At<OneOrMany<super::NodeUse>>) -> (Vec<Node>, Vec<Member>) {
        let list = &said.value.0;
        if list.is_empty() {
            self.error(EMPTY_LIST, "a pool needs a node".to_owned(), said.span, "nodes = [\"10.0.0.5:80\"]");
        }
        if let Some(extra) = list.get(limits::NODES_PER_POOL_MAX) {
            let message = format!("a pool has at most {} nodes", limits::NODES_PER_POOL_MAX);
            self.error(TOO_MANY, message, extra.span, "");
        }
        let (mut nodes, mut members): (Vec<Node>, Vec<Member>) = (Vec::new(), Vec::new());
        for at in list.iter().take(limits::NODES_PER_POOL_MAX) {
            let table = &at.value.0;
            let holder = At { value: "a node".to_owned(), span: at.span };
            let Some(address) = self.required(&table.address, "address", &holder, at.span) else { continue };
            let name = address.value.name();
            if nodes.iter().any(|node| *node.name == *name) {
                let message = format!("the node `{name}` stands here twice");
                let help = "a node has one turn, however often it is written; for more, give it a weight";
                self.doubt(REPEATED, message, at.span, help);
                continue;
            }
            let (Some(weight), Some(priority), Some(state)) =
                (table.weight.value(), table.priority.value(), table.state.value())
            else {
                continue;
            };
            let address = &address.value;
            nodes.push(Node { host: address.host.clone(), port: address.port, name: Arc::from(name) });
            members.push(Member { weight: weight.0, priority: priority.0, state: *state });
        }
        if !members.is_empty() && members.iter().all(|member| member.state != super::NodeWish::Active) {
            let help = "requests are answered with 503, or go to its failure pool";
            self.doubt(NO_ACTIVE_NODE, "no node of this pool is active".to_owned(), said.span, help);
        }
        (nodes, members)
    }

    fn ejection(&mut self, table: &said::PoolTable) -> Option<Ejection> {
        let (time, most) = (table.ejection_time.said()?, table.ejection_time_max.said()?);
        if most.value.0 < time.value.0 {
            let message = "`ejection_time_max` is shorter than `ejection_time`".to_owned();
            let span = if most.span == Span::default() { time.span } else { most.span };
            self.error(BAD_VALUE, message, span, "the first time is the shortest");
        }
        Some(Ejection {
            errors: table.ejection_errors.value()?.0,
            errors_are: *table.eject_on.value()?,
            time: time.value.0,
            time_max: most.value.0,
            percent_max: table.max_ejected.value()?.0,
        })
    }

    fn monitors_of(&mut self, slot: &Slot<OneOrMany<Text>>, monitors: &[Arc<Monitor>]) -> Vec<MonitorId> {
        let mut used = Vec::new();
        if let Some(extra) = many(slot).get(limits::MONITORS_PER_POOL_MAX) {
            let message = format!("a pool has at most {} monitors", limits::MONITORS_PER_POOL_MAX);
            self.error(TOO_MANY, message, extra.span, "");
        }
        for at in many(slot).iter().take(limits::MONITORS_PER_POOL_MAX) {
            let name = at.value.0.as_str();
            let declared = named(&self.said.monitors);
            if !declared.iter().any(|(declared, _)| declared.value == name) {
                let help = match nearest(name, declared.iter().map(|(name, _)| name.value.as_str())) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("declare it as [monitors.{}]", toml_key(name)),
                };
                self.error(UNKNOWN_MONITOR, format!("there is no monitor `{}`", shown(name)), at.span, &help);
            }
            let Some(id) = monitors.iter().position(|monitor| *monitor.name == *name) else { continue };
            let id = MonitorId(u32::try_from(id).unwrap_or(u32::MAX));
            if used.contains(&id) {
                self.doubt(REPEATED, format!("the monitor `{name}` stands here twice"), at.span, "");
            } else {
                used.push(id);
            }
        }
        used
    }

    /// The failure pools, when all pools are known: each leads to a pool that is there, and none in a circle.
    pub(in crate::catalog) fn failure_pools(&mut self, pools: &mut [Pool]) {
        for (name, slot) in named(&self.said.pools) {
            let Some(said) = slot.value().and_then(|table| table.failure_pool.said()) else { continue };
            let Some(to) = self.default_pool(said, pools) else {
                if said.value.0 == DISCARD {
                    let message = "a failure pool cannot be `discard`".to_owned();
                    self.error(BAD_VALUE, message, said.span, "without one, clients get 503");
                }
                continue;
            };
            let Some(from) = pools.iter().position(|pool| *pool.name == *name.value) else { continue };
            if leads_to(pools, to, from) {
                let message = format!("the failure pools lead back to `{}`", shown(&name.value));
                self.error(FAILURE_POOL_CIRCLE, message, said.span, "leave one of them out");
            } else if let Some(pool) = pools.get_mut(from) {
                pool.failure_pool = Some(to);
            }
        }
    }
}

/// Whether a pool, or one of those that stand in for it, is the other.
fn leads_to(pools: &[Pool], from: PoolId, to: usize) -> bool {
    let mut at = Some(from);
    while let Some(pool) = at {
        if pool.index() == to {
            return true;
        }
        at = pools.get(pool.index()).and_then(|pool| pool.failure_pool);
    }
    false
}

fn balance(table: &said::PoolTable) -> Option<Balance> {
    let percent = table.hash_balance_factor.value()?.0;
    Some(Balance {
        algorithm: *table.algorithm.value()?,
        hash_by: table.hash_by.value()?.0.clone(),
        hash_balance_percent: if percent == 0 { 0 } else { percent.max(100) },
        priority_nodes: table.priority_nodes.value()?.0,
    })
}

fn room(table: &said::PoolTable) -> Option<Room> {
    let queue_max = table.max_queue_size.value()?.0;
    Some(Room {
        connections_max: table.max_connections_pernode.value()?.0,
        queue_max: if queue_max == 0 {
            limits::NODE_QUEUE_MAX
        } else {
            queue_max.min(limits::NODE_QUEUE_MAX)
        },
        queue_timeout: table.queue_timeout.value()?.0,
    })
}

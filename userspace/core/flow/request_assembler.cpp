// SPDX-License-Identifier: Apache-2.0
#include "core/flow/request_assembler.hpp"

#include "core/flow/assembler_state.hpp"

namespace probewall {

RequestAssembler::RequestAssembler(const AssemblerConfig& config, AssemblerSink& sink)
    : state_(std::make_unique<State>(config, sink)) {}
RequestAssembler::~RequestAssembler() = default;

void RequestAssembler::on_record(ByteSpan record) { state_->on_record(record); }
void RequestAssembler::on_tick(Timestamp now) { state_->advance(now); }
void RequestAssembler::finish(Timestamp now) { state_->finish(now); }
std::uint64_t RequestAssembler::flows_active() const { return state_->flows_active(); }
std::uint64_t RequestAssembler::flows_total() const { return state_->flows_total(); }

}  // namespace probewall

#include "actors/scrape.hpp"

#include "runtime/http/exchange.hpp"
#include "runtime/metrics/text.hpp"

namespace troupe {

namespace {

void answer(const http_call& call, const scrape_options& options,
            const runtime::cluster_figures& figures) {
  runtime::http::response reply;
  reply.content_type = runtime::metrics_content_type;
  reply.body = runtime::metrics_text(
    {figures, *options.meters, census::mailboxes(), options.node_meters.get()});
  call.exchange->answer(reply);
}

} // namespace

scrape_actor::behavior_type
scrape(scrape_actor::stateful_pointer<scrape_state> self, http_call call,
       scrape_options options, scheduler_actor scheduler) {
  self->send(self, atom::tick_v);
  return {
    [self, call, options, scheduler](atom::tick) {
      self
        ->request<caf::message_priority::high>(
          scheduler, options.request_timeout, measure_cluster{})
        .then(
          [self, call, options](const measured_cluster& x) {
            answer(call, options, *x.figures);
            self->quit();
          },
          [self, call](const caf::error&) {
            call.exchange->refuse(503, "the scheduler does not answer");
            self->quit();
          });
    },
  };
}

} // namespace troupe

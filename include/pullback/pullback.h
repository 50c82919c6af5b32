/* Pullback: the Riemannian geometry of a diffusion model's latent space.
 *
 *     model ──tap──▶ map f: x ↦ y ──linearise at x──▶ linear operator J (jvp, vjp)
 *                                                           │  truncated SVD
 *                                                           ▼
 *       edit  ◀──────────────────────────────────  basis (U, Σ, V) + certificate
 *
 * Start with session.h: a model at work, from a picture or a seed to edited pictures, with the
 * program's defaults. The rest is what it is made of: error.h and run.h (what every call shares),
 * model.h (open a model), diffusion.h (move along its noise levels), map.h (evaluate, linearise),
 * operator.h and svd.h, basis.h (the local latent basis), space.h, transport.h and compare.h (how
 * bases go together), edit.h. Latent models, and those that read text: latent.h, text.h.
 *
 *     cc program.c $(pkg-config --cflags --libs pullback)
 *
 * Structures of options begin with a macro, pb_svd_options options = PB_SVD_DEFAULTS, or for
 * callers of other languages, and of C++, with the function of the same effect,
 * pb_svd_options_init(&options); other structures likewise, pb_tensor x = PB_TENSOR_EMPTY or
 * pb_tensor_init(&x).
 */
#ifndef PULLBACK_H
#define PULLBACK_H

#include <pullback/basis.h>
#include <pullback/compare.h>
#include <pullback/diffusion.h>
#include <pullback/edit.h>
#include <pullback/error.h>
#include <pullback/latent.h>
#include <pullback/map.h>
#include <pullback/model.h>
#include <pullback/operator.h>
#include <pullback/run.h>
#include <pullback/session.h>
#include <pullback/space.h>
#include <pullback/svd.h>
#include <pullback/tensor.h>
#include <pullback/text.h>
#include <pullback/transport.h>
#include <pullback/version.h>

#endif

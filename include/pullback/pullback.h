/* Pullback: the Riemannian geometry of a diffusion model's latent space.
 *
 *     model ──tap──▶ map f: x ↦ y ──linearise at x──▶ linear operator J (jvp, vjp)
 *                                                           │  truncated SVD
 *                                                           ▼
 *       edit  ◀──────────────────────────────────  basis (U, Σ, V) + certificate
 *
 * Start with model.h (open a model), diffusion.h (move along its noise levels), map.h
 * (evaluate, linearise), svd.h and basis.h (the local latent basis), edit.h (use it). Latent
 * models, and those that read text: latent.h, text.h.
 */
#ifndef PULLBACK_H
#define PULLBACK_H

#include <pullback/basis.h>
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

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0". */
PB_API const char *pb_version(void);

#ifdef __cplusplus
}
#endif

#endif

# frozen_string_literal: true

class ApplicationController < ActionController::Base
  protect_from_forgery with: :exception

  rescue_from(Video::AccessDenied) { |error| render json: error.access, status: :forbidden }
  rescue_from(Video::BookingNotFound, ActiveRecord::RecordNotFound) do
    render json: { detail: "There is no such lesson" }, status: :not_found
  end
  rescue_from(Video::Unavailable) do |error|
    response.set_header("Retry-After", error.retry_after)
    render json: { detail: "Video is unavailable" }, status: :service_unavailable
  end

  private

  def require_sign_in
    render json: { detail: "Sign in first" }, status: :unauthorized unless current_user_id
  end

  def current_user_id
    session[:user_id]
  end
end
